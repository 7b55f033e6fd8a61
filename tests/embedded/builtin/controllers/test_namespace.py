from __future__ import annotations

from knlab.embedded.builtin.controllers.namespace import (
    namespace_controller,
    root_ca_controller,
    service_account_controller,
)
from knlab.embedded.builtin.kinds import CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS, rows
from knlab.embedded.kube.controller import Outcome
from knlab.embedded.kube.objects import Object
from tests.factories import NOW, NOW_TEXT, DictView, apply_outcome, make, settle

KEY = ("", "team")
ROWS = rows(lambda _: ())


def namespace(*, going: bool = False) -> Object:
    metadata = {"deletionTimestamp": NOW_TEXT} if going else {}
    spec = {"finalizers": ["kubernetes"]}
    return make("v1", "Namespace", "team", metadata=metadata, spec=spec)


class TestEnd:
    sync = staticmethod(namespace_controller(lambda: ROWS).sync)

    def test_a_living_namespace_is_left_alone(self) -> None:
        assert self.sync(DictView([namespace()]), KEY, NOW) == Outcome()

    def test_contents_of_all_kinds_are_deleted_first(self) -> None:
        inside = [
            make("v1", "ConfigMap", "a", "team"),
            make("apps/v1", "Deployment", "b", "team"),
        ]
        outside = make("v1", "ConfigMap", "c", "default")
        view = DictView([namespace(going=True), *inside, outside])
        outcome = self.sync(view, KEY, NOW)
        deleted = [w.object["metadata"]["name"] for w in outcome.writes if w.verb == "delete"]
        assert sorted(deleted) == ["a", "b"]
        assert outcome.again_after is not None
        apply_outcome(view, outcome)
        assert view.find(CONFIG_MAPS, "default", "c") is not None

    def test_what_is_left_is_reported_with_its_finalizers(self) -> None:
        held = make("v1", "ConfigMap", "a", "team", metadata={"finalizers": ["example.com/wait"]})
        view = DictView([namespace(going=True), held])
        apply_outcome(view, self.sync(view, KEY, NOW))
        status = view.objects[NAMESPACES, KEY]["status"]
        told = {item["type"]: item for item in status["conditions"]}
        assert told["NamespaceContentRemaining"]["message"] == (
            "Some resources are remaining: configmaps. has 1 resource instances"
        )
        assert told["NamespaceFinalizersRemaining"]["message"] == (
            "Some content in the namespace has finalizers remaining: example.com/wait in 1 resource"
            " instances"
        )
        assert told["NamespaceDeletionContentFailure"]["status"] == "False"
        assert self.sync(view, KEY, NOW).writes == ()

    def test_an_empty_namespace_loses_its_finalizer(self) -> None:
        (write,) = self.sync(DictView([namespace(going=True)]), KEY, NOW).writes
        assert (write.verb, write.object["spec"]) == ("update", {"finalizers": []})


def test_each_namespace_gets_a_service_account_again_and_again() -> None:
    view = DictView([namespace()])
    controller = service_account_controller()
    settle(view, controller.sync, KEY)
    account = view.objects.pop((SERVICE_ACCOUNTS, ("team", "default")))
    assert list(controller.watches[SERVICE_ACCOUNTS](account)) == [KEY]
    settle(view, controller.sync, KEY)
    assert view.find(SERVICE_ACCOUNTS, "team", "default")


def test_the_certificate_is_restored_when_somebody_changes_it() -> None:
    view = DictView([namespace()])
    sync = root_ca_controller("PEM").sync
    settle(view, sync, KEY)
    view.objects[CONFIG_MAPS, ("team", "kube-root-ca.crt")]["data"] = {"ca.crt": "wrong"}
    settle(view, sync, KEY)
    kept = view.objects[CONFIG_MAPS, ("team", "kube-root-ca.crt")]
    assert kept["data"] == {"ca.crt": "PEM"}


def test_a_namespace_that_goes_gets_nothing_new() -> None:
    view = DictView([namespace(going=True)])
    assert root_ca_controller("PEM").sync(view, KEY, NOW) == Outcome()
    assert root_ca_controller("PEM").sync(DictView(), KEY, NOW) == Outcome()
