"""Creating, and what all writes share: what the server adds, drops and refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from knlab.embedded.kube.api import Api
from knlab.embedded.kube.backing import WriteOptions
from knlab.embedded.kube.errors import (
    AlreadyExists,
    BadRequest,
    Cause,
    Forbidden,
    Invalid,
    NotFound,
    StatusError,
)
from knlab.embedded.kube.objects import GroupResource, Object, copy_json
from knlab.embedded.kube.registry import Resource, Strategy
from knlab.embedded.kube.store import Change
from tests.embedded.kube.samples import (
    DEPLOYMENTS,
    MAPS,
    SPACES,
    WIDGETS,
    config_map,
    deployment,
    refused,
    widget,
)


def test_create_fills_in_the_servers_fields_and_ignores_the_clients(api: Api) -> None:
    given = deployment(replicas=1) | {"status": {"replicas": 9}}
    given["metadata"] |= {
        "uid": "mine",
        "resourceVersion": "77",
        "generation": 9,
        "managedFields": [{}],
        "creationTimestamp": None,
        "deletionTimestamp": "2020-01-01T00:00:00Z",
        "labels": {"a": "b"},
    }
    before = copy_json(given)
    made = api.create(DEPLOYMENTS, given).object
    assert given == before
    uid, version = made["metadata"].pop("uid"), made["metadata"].pop("resourceVersion")
    assert len(uid) == 36
    assert uid != "mine"
    assert version == str(api.store.version)
    assert made["metadata"].pop("managedFields")[0]["manager"] == "unknown"
    assert made["metadata"] == {
        "name": "d1",
        "namespace": "default",
        "generation": 1,
        "labels": {"a": "b"},
        "creationTimestamp": "2023-11-14T22:13:20Z",
    }
    assert "status" not in made


def test_generation_exists_only_where_the_kind_has_it(api: Api) -> None:
    assert "generation" not in api.create(MAPS, config_map()).object["metadata"]


def test_results_are_the_callers_own(api: Api) -> None:
    made = api.create(MAPS, config_map(data={"a": "1"})).object
    made["data"]["a"] = "changed"
    api.get(MAPS, "default", "m1")["data"]["a"] = "changed"
    api.list(MAPS)[0]["data"]["a"] = "changed"
    found = api.find(MAPS, "default", "m1")
    assert found is not None
    assert found["data"] == {"a": "1"}


def test_generate_name_adds_five_letters(api: Api) -> None:
    given = config_map()
    given["metadata"] = {"generateName": "x-", "namespace": "default"}
    names = {api.create(MAPS, given).object["metadata"]["name"] for _ in range(20)}
    assert len(names) == 20
    assert all(name.startswith("x-") and len(name) == 7 for name in names)


@pytest.mark.parametrize(
    ("obj", "kind", "message"),
    [
        (config_map(namespace="nowhere"), NotFound, 'namespaces "nowhere" not found'),
        (config_map(namespace=""), BadRequest, "an empty namespace may not be set during creation"),
        (
            config_map(name=""),
            Invalid,
            (
                'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is'
                " required"
            ),
        ),
        (
            config_map() | {"kind": "Secret"},
            BadRequest,
            (
                'Secret in version "v1" cannot be handled as a ConfigMap: the kind in the data'
                " (Secret) does not match the expected kind (ConfigMap)"
            ),
        ),
        (
            config_map() | {"apiVersion": "v2"},
            BadRequest,
            "the API version in the data (v2) does not match the expected API version (v1)",
        ),
        (
            config_map(metadata={"labels": {"a": 1}}),
            BadRequest,
            (
                'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot'
                " unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"
            ),
        ),
        (
            config_map(metadata={"labels": ["a"]}),
            BadRequest,
            (
                'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot'
                " unmarshal array into Go struct field ObjectMeta.metadata.labels of type"
                " map[string]string"
            ),
        ),
        *(
            (
                config_map(metadata={field: hollow}),
                BadRequest,
                (
                    'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot'
                    f" unmarshal null into Go struct field ObjectMeta.metadata.{field}"
                ),
            )
            for field, hollow in {
                "labels": {"a": None},
                "annotations": {"a": None},
                "finalizers": [None],
                "ownerReferences": [None],
            }.items()
        ),
    ],
)
def test_create_refuses(api: Api, obj: Object, kind: type[StatusError], message: str) -> None:
    assert refused(kind, api.create, MAPS, obj) == message


@pytest.mark.parametrize(
    ("metadata", "field", "message"),
    [
        (
            {"name": "No"},
            "metadata.name",
            'Invalid value: "No": a lowercase RFC 1123 subdomain must',
        ),
        ({"name": "a" * 254}, "metadata.name", "must be no more than 253 characters"),
        (
            {"labels": {"a": "b c"}},
            "metadata.labels",
            'Invalid value: "b c": a valid label must be',
        ),
        ({"labels": {"/a": "b"}}, "metadata.labels", "prefix part must be non-empty"),
        ({"annotations": {"a b": "c"}}, "metadata.annotations", "name part must consist"),
        (
            {"annotations": {"a": "x" * 300_000}},
            "metadata.annotations",
            "Too long: may not be more",
        ),
        ({"finalizers": ["a b"]}, "metadata.finalizers", "name part must consist"),
        (
            {"ownerReferences": [{"apiVersion": "v1", "kind": "A", "name": "a"}]},
            "metadata.ownerReferences.uid",
            "must not be empty",
        ),
        (
            {"ownerReferences": [{"kind": "A", "name": "a", "uid": "1"}]},
            "metadata.ownerReferences.apiVersion",
            "version must not be empty",
        ),
        (
            {
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "A", "name": name, "uid": "1", "controller": True}
                    for name in "ab"
                ]
            },
            "metadata.ownerReferences",
            "Only one reference can have Controller set to true",
        ),
    ],
)
def test_metadata_has_rules(api: Api, metadata: Object, field: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        api.create(MAPS, config_map(metadata=metadata))
    causes = (caught.value.details or {})["causes"]
    assert causes[0]["field"] == field
    assert message in causes[0]["message"]


def test_a_name_can_be_taken_only_once(api: Api) -> None:
    api.create(MAPS, config_map())
    assert refused(AlreadyExists, api.create, MAPS, config_map()) == (
        'configmaps "m1" already exists'
    )


def test_nothing_new_in_a_terminating_namespace(api: Api) -> None:
    space = api.get(SPACES, "", "other")
    space["metadata"]["finalizers"] = ["ex.com/wait"]
    api.update(SPACES, space)
    api.delete(SPACES, "", "other")
    with pytest.raises(Forbidden) as caught:
        api.create(MAPS, config_map(namespace="other"))
    assert "because it is being terminated" in caught.value.message
    assert (caught.value.details or {})["causes"][0]["reason"] == "NamespaceTerminating"


def test_a_resource_that_nobody_serves(api: Api) -> None:
    nothing = GroupResource("ex.com", "nothings")
    assert api.find(nothing, "default", "a") is None
    assert api.list(nothing) == []
    message = "the server could not find the requested resource"
    assert refused(NotFound, api.get, nothing, "default", "a") == message
    assert refused(NotFound, api.create, nothing, config_map()) == message


def test_dry_run_does_everything_but_keep(api: Api) -> None:
    version = api.store.version
    dry = WriteOptions(dry_run=True)
    assert api.create(WIDGETS, widget(spec={}), dry).object["spec"] == {"size": 3}
    assert api.find(WIDGETS, "default", "w1") is None
    assert refused(Invalid, api.create, WIDGETS, widget(spec={"size": 0}), dry)
    assert api.store.version == version


@pytest.mark.parametrize(
    ("validation", "warnings"),
    [("Ignore", ()), ("Warn", ('unknown field "extra"', 'unknown field "spec.sise"'))],
)
def test_unknown_fields_are_dropped(api: Api, validation: Any, warnings: tuple[str, ...]) -> None:
    options = WriteOptions(field_validation=validation)
    written = api.create(WIDGETS, widget(spec={"sise": 1}, extra=1), options)
    assert written.warnings == warnings
    assert written.object["spec"] == {"size": 3}
    assert "extra" not in written.object


def test_unknown_fields_are_refused_if_the_client_says_so(api: Api) -> None:
    options = WriteOptions(field_validation="Strict")
    message = refused(BadRequest, api.create, WIDGETS, widget(spec={"sise": 1}, extra=1), options)
    assert message == (
        'Widget in version "v1" cannot be handled as a Widget: strict decoding error:'
        ' unknown field "extra", unknown field "spec.sise"'
    )


def test_errors_carry_earlier_warnings(api: Api) -> None:
    options = WriteOptions(field_validation="Warn")
    with pytest.raises(Invalid) as caught:
        api.create(WIDGETS, widget(spec={"sise": 1, "size": 0}), options)
    assert caught.value.warnings == ('unknown field "spec.sise"',)
    assert caught.value.message == (
        'Widget.ex.com "w1" is invalid: spec.size: Invalid value: 0: spec.size in body should be'
        " greater than or equal to 1"
    )


def test_strategies_default_then_validate(api: Api) -> None:
    def default(new: Object, old: Object | None) -> Object:
        return new | {"data": {"was": "new" if old is None else "old"}}

    def validate(new: Object, old: Object | None) -> list[Cause]:
        return [Cause("data.bad", "Forbidden: no")] if "bad" in new["metadata"]["name"] else []

    row = api.registry.storage_row(MAPS)
    assert row is not None
    strategy = Strategy(default=default, validate=validate, name_errors=lambda _name: [])
    api.registry.add(dataclasses.replace(row, strategy=strategy))
    assert api.create(MAPS, config_map("Any:Name")).object["data"] == {"was": "new"}
    assert api.update(MAPS, config_map("Any:Name")).object["data"] == {"was": "old"}
    message = refused(Invalid, api.create, MAPS, config_map("bad"))
    assert message == 'ConfigMap "bad" is invalid: data.bad: Forbidden: no'


def test_two_versions_share_one_storage(api: Api) -> None:
    newer = Resource(
        group="ex.com", version="v2", plural="widgets", kind="Widget", is_storage_version=False
    )
    api.registry.add(newer)
    api.create(WIDGETS, widget(spec={"size": 1}))
    seen = api.get(newer, "default", "w1")
    assert seen["apiVersion"] == "ex.com/v2"
    seen["spec"]["size"] = 2
    assert api.update(newer, seen).object["apiVersion"] == "ex.com/v2"
    kept = api.get(WIDGETS, "default", "w1")
    assert (kept["apiVersion"], kept["spec"]) == ("ex.com/v1", {"size": 2})
    assert [each["apiVersion"] for each in api.list(newer)] == ["ex.com/v2"]


def test_after_write_hears_rows_and_may_write(api: Api) -> None:
    heard: list[tuple[str, str]] = []

    def listen(row: Resource, change: Change) -> None:
        heard.append((row.kind, change.type))
        if change.type == "ADDED" and row.name == MAPS:
            api.create(WIDGETS, widget())

    api.after_write.append(listen)
    api.create(MAPS, config_map())
    api.delete(MAPS, "default", "m1")
    assert heard == [("ConfigMap", "ADDED"), ("Widget", "ADDED"), ("ConfigMap", "DELETED")]
