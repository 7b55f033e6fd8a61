from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.builtin.controllers.custom_resource_definitions import sync_definition
from knlab.embedded.builtin.custom_resources import name_conflicts, refresh, rows_of
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import Invalid
from knlab.embedded.kube.objects import GroupResource, Object, condition, copy_json
from knlab.embedded.kube.registry import Registry, Resource
from tests.factories import NOW, NOW_TEXT, DictView, apply_outcome, make, settle

CRDS = GroupResource("apiextensions.k8s.io", "customresourcedefinitions")
SCHEMA = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}}


def version(name: str, *, storage: bool = True, **fields: Any) -> Object:
    return {"name": name, "served": True, "storage": storage, "schema": SCHEMA, **fields}


def column(kind: str, path: str) -> Object:
    return {"name": "A", "type": kind, "jsonPath": path}


def crd(plural: str = "toys", kind: str = "Toy", *versions: Object, **names: Any) -> Object:
    return make(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"{plural}.example.com",
        spec={
            "group": "example.com",
            "scope": "Namespaced",
            "names": {
                "plural": plural, "singular": kind.lower(), "kind": kind,
                "listKind": f"{kind}List", **names,
            },
            "versions": list(versions or [version("v1")]),
        },
    )  # fmt: skip


def served(registry: Registry) -> list[tuple[str, str]]:
    return [(row.plural, row.version) for row in registry]


class TestRows:
    def test_a_definition_becomes_one_row_for_each_served_version(self) -> None:
        old = version("v1beta1", storage=False)
        hidden = version("v1alpha1", storage=False, served=False)
        first, second = rows_of(crd("toys", "Toy", version("v1"), old, hidden))
        assert (first.version, first.is_storage_version) == ("v1", True)
        assert (second.version, second.is_storage_version) == ("v1beta1", False)
        assert first.storage == second.storage == GroupResource("example.com", "toys")
        assert not first.strategic_merge
        assert first.schema == SCHEMA["openAPIV3Schema"]

    def test_subresources_columns_and_names_are_taken_over(self) -> None:
        column = {"name": "Ready", "type": "string", "jsonPath": ".status.ready", "priority": 1}
        paths = {"specReplicasPath": ".spec.count", "statusReplicasPath": ".status.count"}
        described = version(
            "v1",
            subresources={"status": {}, "scale": paths},
            additionalPrinterColumns=[column],
            selectableFields=[{"jsonPath": ".spec.color"}],
        )
        (row,) = rows_of(crd("toys", "Toy", described, shortNames=["ty"], categories=["all"]))
        assert row.has_status
        assert row.scale is not None
        assert row.scale.spec_replicas == ".spec.count"
        assert [(c.name, c.path, c.priority) for c in row.columns] == [
            ("Ready", ".status.ready", 1)
        ]
        assert (row.short_names, row.categories) == (("ty",), ("all",))
        assert row.field_selectors == ("spec.color",)

    @pytest.mark.parametrize(
        ("fields", "warning"),
        [
            ({}, ""),
            ({"deprecated": True}, "example.com/v1 Toy is deprecated"),
            ({"deprecated": True, "deprecationWarning": "play with games"}, "play with games"),
            ({"deprecationWarning": "not yet"}, ""),
        ],
    )
    def test_a_deprecated_version_warns(self, fields: Object, warning: str) -> None:
        (row,) = rows_of(crd("toys", "Toy", version("v1", **fields)))
        assert row.deprecation == warning

    def test_without_subresources_there_is_no_status_path(self) -> None:
        (row,) = rows_of(crd())
        assert not row.has_status
        assert row.scale is None


class TestRefresh:
    def test_rows_come_and_go_with_the_definitions(self) -> None:
        builtin = Resource(group="", version="v1", plural="pods", kind="Pod")
        registry = Registry((builtin,))
        refresh(registry, [crd(), crd("games", "Game")])
        assert served(registry) == [("pods", "v1"), ("games", "v1"), ("toys", "v1")]
        refresh(registry, [crd()])
        assert served(registry) == [("pods", "v1"), ("toys", "v1")]

    def test_a_version_that_is_no_longer_served_disappears(self) -> None:
        registry = Registry()
        refresh(registry, [crd("toys", "Toy", version("v1"), version("v2", storage=False))])
        refresh(registry, [crd("toys", "Toy", version("v1"))])
        assert served(registry) == [("toys", "v1")]

    def test_a_name_that_is_taken_is_not_served(self) -> None:
        first = crd()
        first["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
        registry = Registry()
        refresh(registry, [crd("playthings", "Toy"), first])
        assert served(registry) == [("toys", "v1")]


@pytest.mark.parametrize(
    ("rival", "conflicts"),
    [
        pytest.param(crd("games", "Game"), {}, id="different names"),
        pytest.param(crd(), {}, id="itself"),
        pytest.param(
            crd("games", "Game", listKind="ToyList"),
            {"listKind": '"ToyList" is already in use'},
            id="the same list kind",
        ),
        pytest.param(
            crd("games", "Game", shortNames=["toy"]),
            {"singular": '"toy" is already in use'},
            id="a short name that is our singular",
        ),
    ],
)
def test_names_belong_to_one_definition(rival: Object, conflicts: dict[str, str]) -> None:
    assert name_conflicts(crd(), [rival]) == conflicts


class TestController:
    key = ("", "toys.example.com")

    def test_free_names_are_accepted_and_the_definition_established(self) -> None:
        view = DictView([crd()])
        settle(view, sync_definition, self.key)
        status = view.objects[CRDS, self.key]["status"]
        assert status["acceptedNames"]["listKind"] == "ToyList"
        assert status["storedVersions"] == ["v1"]
        told = [(c["type"], c["status"], c["reason"], c["message"]) for c in status["conditions"]]
        initial = "the initial names have been accepted"
        assert told == [
            ("NamesAccepted", "True", "NoConflicts", "no conflicts found"),
            ("Established", "True", "InitialNamesAccepted", initial),
        ]

    def test_taken_names_are_refused_until_they_are_free(self) -> None:
        rival = crd("games", "Game", listKind="ToyList")
        rival["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
        view = DictView([crd(), rival])
        settle(view, sync_definition, self.key)
        refused = view.objects[CRDS, self.key]
        names, established = (condition(refused, k) or {} for k in ("NamesAccepted", "Established"))
        assert (names["status"], names["reason"]) == ("False", "ListKindConflict")
        assert names["message"] == '"ToyList" is already in use'
        assert (established["status"], established["reason"]) == ("False", "NotAccepted")
        del view.objects[CRDS, ("", "games.example.com")]
        settle(view, sync_definition, self.key)
        assert (condition(view.objects[CRDS, self.key], "Established") or {})["status"] == "True"

    def test_a_definition_that_goes_deletes_its_objects_first(self) -> None:
        view = DictView([crd()])
        settle(view, sync_definition, self.key)
        going = view.objects[CRDS, self.key]
        going["metadata"] |= {
            "deletionTimestamp": NOW_TEXT,
            "finalizers": ["customresourcecleanup.apiextensions.k8s.io"],
        }
        view.add(make("example.com/v1", "Toy", "car", "default"))
        outcome = sync_definition(view, self.key, NOW)
        assert [(write.verb, write.object["metadata"]["name"]) for write in outcome.writes] == [
            ("update-status", "toys.example.com"),
            ("delete", "car"),
        ]
        assert outcome.again_after is not None
        apply_outcome(view, outcome)
        settle(view, sync_definition, self.key)
        assert not view.objects


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("metadata.name", "other.example.com", 'must be spec.names.plural+"."+spec.group'),
        ("spec.group", "example", "should be a domain with at least one dot"),
        ("spec.scope", "Galaxy", 'supported values: "Cluster", "Namespaced"'),
        (
            "spec.versions",
            [version("v1", schema={})],
            "spec.versions[0].schema.openAPIV3Schema: Required value",
        ),
        (
            "spec.versions",
            [version("v1", storage=False)],
            "must have exactly one version marked as storage version",
        ),
        (
            "spec.versions",
            [version("v1", additionalPrinterColumns=[column("text", ".a")])],
            "must be one of boolean,date,integer,number,string",
        ),
        (
            "spec.versions",
            [version("v1", additionalPrinterColumns=[column("string", ".a[")])],
            "is an invalid JSONPath",
        ),
        ("spec.names.kind", "", "spec.names.kind: Required value"),
        ("spec.conversion", {"strategy": "Webhook"}, "required when strategy is set to Webhook"),
    ],
)
def test_a_wrong_definition_is_refused(api: Api, path: str, value: Any, message: str) -> None:
    definition = copy_json(crd())
    *parents, last = path.split(".")
    target = definition
    for step in parents:
        target = target[step]
    target[last] = value
    with pytest.raises(Invalid) as refused:
        api.create(CRDS, definition)
    assert message in refused.value.message


def test_kubernetes_own_groups_need_an_approval(api: Api) -> None:
    definition = crd()
    definition["spec"]["group"] = "toys.k8s.io"
    definition["metadata"]["name"] = "toys.toys.k8s.io"
    with pytest.raises(Invalid, match="protected groups must have approval annotation"):
        api.create(CRDS, definition)


def test_conversion_webhooks_between_served_versions_are_refused(api: Api) -> None:
    definition = crd("toys", "Toy", version("v1"), version("v2", storage=False))
    hook = {"clientConfig": {"service": {"name": "s", "namespace": "n"}}}
    definition["spec"]["conversion"] = {"strategy": "Webhook", "webhook": hook}
    with pytest.raises(Invalid, match="this server calls no conversion webhooks"):
        api.create(CRDS, definition)
