"""What the cluster refuses of domains at once, and its words for it."""

from __future__ import annotations

import pytest

from knlab._exceptions import Invalid
from tests.live.domains import CLAIM, DENIED, SUBDOMAIN, claim, mapping, reference
from tests.live.world import Object, World

pytestmark = [pytest.mark.live, pytest.mark.timeout(60)]

MISSING_FIELDS = "missing field(s): spec.ref.apiVersion, spec.ref.kind, spec.ref.name"

REFUSED: dict[str, tuple[Object, str]] = {
    "a single label": (
        mapping("mine", reference("x")),
        (
            'invalid name "mine": name: Invalid value: "mine": should be a domain with at least two'
            " segments separated by dots: metadata.name"
        ),
    ),
    "the cluster's own domain": (
        mapping("x.default.svc.cluster.local", reference("x")),
        (
            'invalid name "x.default.svc.cluster.local": must not be a subdomain of cluster local'
            ' domain "cluster.local": metadata.name'
        ),
    ),
    "a label that is too long": (
        mapping("a" * 64 + ".test", reference("x")),
        (
            f'invalid name "{"a" * 64}.test": name: Invalid value: "{"a" * 64}": must be no more'
            " than 63 characters: metadata.name"
        ),
    ),
    "a generated name": (
        mapping("a.mine.test", reference("x"), generateName="a-"),
        "must not set the field(s): metadata.generateName",
    ),
    "no reference": (mapping("a.mine.test", {}), MISSING_FIELDS),
    "a reference without a version": (
        mapping("a.mine.test", {"kind": "Service", "name": "x"}),
        "missing field(s): spec.ref.apiVersion",
    ),
    "a group": (
        mapping("a.mine.test", {"kind": "Service", "name": "x", "group": "serving.knative.dev"}),
        "missing field(s): spec.ref.apiVersion\nmust not set the field(s): spec.ref.group",
    ),
    "another namespace": (
        mapping("a.mine.test", reference("x", namespace="other")),
        (
            "mismatched namespaces: spec.ref.namespace\n"
            'parent namespace: "default" does not match ref: "other"'
        ),
    ),
    "everything at once": (
        mapping("mine", {"kind": "", "name": "", "group": "x", "namespace": "other"}),
        (
            'invalid name "mine": name: Invalid value: "mine": should be a domain with at least two'
            " segments separated by dots: metadata.name\n"
            "mismatched namespaces: spec.ref.namespace\n"
            'parent namespace: "default" does not match ref: "other"\n'
            f"{MISSING_FIELDS}\n"
            "must not set the field(s): spec.ref.group"
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(world: World, case: str) -> None:
    wanted, message = REFUSED[case]
    with pytest.raises(Invalid) as refused:
        world.cluster.api.create(wanted)
    assert refused.value.message == DENIED + message


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            mapping("A.test", reference("x")),
            (
                'DomainMapping.serving.knative.dev "A.test" is invalid: metadata.name: Invalid'
                f' value: "A.test": {SUBDOMAIN}'
            ),
        ),
        (
            mapping("a.mine.test", reference("x")) | {"spec": {"ref": "x"}},
            (
                'admission webhook "webhook.serving.knative.dev" denied the request: mutation'
                " failed: cannot decode incoming new object: json: cannot unmarshal string into Go"
                " struct field DomainMappingSpec.spec.ref of type v1.KReference"
            ),
        ),
        (
            claim("a.mine.test") | {"spec": {}},
            (
                'ClusterDomainClaim.networking.internal.knative.dev "a.mine.test" is invalid:'
                " spec.namespace: Required value"
            ),
        ),
    ],
    ids=["a capital letter", "text for a reference", "a claim for nobody"],
)
def test_refused_before_it_is_looked_at(world: World, wanted: Object, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        world.cluster.api.create(wanted)
    assert refused.value.message == message


def test_a_claim_may_name_and_change_to_any_namespace(world: World) -> None:
    api = world.cluster.api
    for namespace in ("", "Bad_1", "default"):
        api.apply(claim("free.mine.test", namespace))
        assert api.get(CLAIM, "free.mine.test")["spec"] == {"namespace": namespace}
    api.delete(CLAIM, "free.mine.test")
