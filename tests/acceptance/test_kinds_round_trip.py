"""Every kind of Kubernetes' own that is served passes through the stock client's typed models.

New versions of the client check each field's type, so a wrong one in our answers is an error here;
and what a model does not know is lost on the way, so comparing what came back shows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import kubernetes.client
import pytest
import yaml
from kubernetes.client import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError

from tests.acceptance.conftest import Command

Manifest = dict[str, Any]
KNATIVE = ".knative.dev"
EXAMPLES: list[Manifest] = list(
    yaml.safe_load_all(Path(__file__).with_name("kinds.yaml").read_text())
)
CONTESTED = frozenset({
    "Node", "Pod", "Endpoints", "LimitRange", "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
})  # fmt: skip
"""Examples of which a real cluster, too, says that some field has another owner by then."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass(frozen=True)
class Typed:
    """What the client generated for one kind."""

    client: kubernetes.client.ApiClient
    api_version: str
    kind: str

    def __call__(self, verb: str, *arguments: Any, **options: Any) -> Any:
        """`verb_namespaced_kind(…)`, or `verb_kind(…)` if the kind has no namespaces."""
        api = self._api
        snake = re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", self.kind).lower()
        call = getattr(api, f"{verb}_namespaced_{snake}", None) or getattr(api, f"{verb}_{snake}")
        return call(*arguments, **options)

    def everywhere(self, **options: Any) -> Any:
        """The list of all objects of the kind."""
        snake = re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", self.kind).lower()
        api = self._api
        call = getattr(api, f"list_{snake}_for_all_namespaces", None) or getattr(
            api, f"list_{snake}"
        )
        return call(**options)

    @property
    def _api(self) -> Any:
        group, _, version = self.api_version.rpartition("/")
        parts = group.removesuffix(".k8s.io").split(".") if group else ["core"]
        name = "".join(part.title() for part in parts) + version.title() + "Api"
        return getattr(kubernetes.client, name)(self.client)


def _plain(value: Any) -> Any:
    """`value` as both sides write it: no nulls, one spelling for a moment."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, str) and _TIME.match(value):
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    return value


@pytest.fixture(params=EXAMPLES, ids=lambda example: f"{example['apiVersion']} {example['kind']}")
def made(
    request: pytest.FixtureRequest, stock: kubernetes.client.ApiClient, namespace: str
) -> Iterator[tuple[Typed, tuple[str, ...], Manifest]]:
    """One example: its kind, its address and what the server answered, as plain JSON."""
    example = request.param
    kind = Typed(stock, example["apiVersion"], example["kind"])
    rows = DynamicClient(stock).resources.get(api_version=kind.api_version, kind=kind.kind)
    where = {"namespace": namespace} if rows.namespaced else {}
    stored = rows.create(body=example, **where).to_dict()
    yield kind, (stored["metadata"]["name"], *where.values()), stored
    rows.delete(name=stored["metadata"]["name"], **where)


def test_a_typed_model_holds_everything_and_can_be_sent_back(
    made: tuple[Typed, tuple[str, ...], Manifest], stock: kubernetes.client.ApiClient
) -> None:
    kind, address, _ = made
    raw = json.loads(kind("read", *address, _preload_content=False).data)
    typed = kind("read", *address)
    assert _plain(stock.sanitize_for_serialization(typed)) == _plain(raw)
    replaced = _replaced(kind, address, typed)
    if replaced is not None:
        again = stock.sanitize_for_serialization(replaced)
        assert again["metadata"]["uid"] == raw["metadata"]["uid"]
        assert _plain(again.get("spec")) == _plain(raw.get("spec"))


def _replaced(kind: Typed, address: tuple[str, ...], typed: Any) -> Any:
    """The server's answer to sending `typed` back; None if a controller was faster."""
    try:
        return kind("replace", *address, typed)
    except ApiException as refused:
        if refused.status == 409:
            return None
        raise


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        (each["apiVersion"], each["kind"])
        for each in EXAMPLES
        # Kubernetes says eventTime null of older recorders' events, which the model does not allow
        if each["apiVersion"] != "events.k8s.io/v1"
    ],
)
def test_lists_hold_whatever_the_cluster_has(
    stock: kubernetes.client.ApiClient, idler: object, api_version: str, kind: str
) -> None:
    typed = Typed(stock, api_version, kind)
    listed = typed.everywhere()
    raw = json.loads(typed.everywhere(_preload_content=False).data)
    assert raw["kind"] == f"{kind}List"
    known = {
        item["metadata"]["uid"]: _plain(item)
        for item in stock.sanitize_for_serialization(listed)["items"]
    }
    now = {item["metadata"]["uid"]: _plain(item) for item in raw["items"]}
    assert known or kind not in {"Pod", "Node", "Event", "Secret", "Endpoints"}
    for uid in known.keys() & now.keys():
        if known[uid]["metadata"]["resourceVersion"] == now[uid]["metadata"]["resourceVersion"]:
            assert known[uid] == now[uid]


def test_kinds_without_an_example_are_listed_and_refused(
    stock: kubernetes.client.ApiClient, cluster: object
) -> None:
    known = {(each["apiVersion"], each["kind"]) for each in EXAMPLES}
    others = [
        row
        for row in DynamicClient(stock).resources.search()
        if {"create", "list"} <= set(row.verbs or ())
        and not row.group_version.partition("/")[0].endswith(KNATIVE)
        and not row.kind.endswith("List")  # the client makes one up for each kind
        and (row.group_version, row.kind) not in known
    ]
    for row in others:
        assert Typed(stock, row.group_version, row.kind).everywhere().items is not None
        body = {"apiVersion": row.group_version, "kind": row.kind, "metadata": {"name": "any"}}
        with pytest.raises(DynamicApiError) as refused:
            row.create(body=body, namespace="default" if row.namespaced else None)
        assert refused.value.status == 501, f"{row.kind} needs an example in kinds.yaml"
        assert "not available on this cluster" in refused.value.body


@pytest.mark.parametrize(
    "example", EXAMPLES, ids=lambda example: f"{example['apiVersion']} {example['kind']}"
)
def test_client_side_apply_may_become_server_side_apply(
    example: Manifest, namespace: str, kubectl: Command, tmp_path: Path
) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(yaml.safe_dump(example))
    here = ("--namespace", namespace)
    kubectl("delete", *here, "--ignore-not-found", "-f", str(file))  # waits, too
    kubectl("apply", *here, "-f", str(file))
    try:
        force = ("--force-conflicts",) if example["kind"] in CONTESTED else ()
        for _ in range(2):
            done = kubectl("apply", *here, "--server-side", *force, "-f", str(file))
            assert done.stdout.endswith("serverside-applied\n")
            assert not done.stderr or example["kind"] == "Endpoints", "only these are deprecated"
    finally:
        kubectl("delete", *here, "--wait=false", "-f", str(file))
