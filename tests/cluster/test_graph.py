"""The graph of a Service's objects follows owner references."""

from __future__ import annotations

from typing import Any

from knlab.cluster.graph import graph


def _object(kind: str, name: str, owner: str = "", *, controller: bool = True) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "uid": f"{kind}/{name}"}
    if owner:
        metadata["ownerReferences"] = [{"uid": owner, "controller": controller}]
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata}


def test_children_stand_below_their_owner_in_order() -> None:
    root = _object("Service", "hello") | {"apiVersion": "v1"}
    others = [
        _object("Route", "hello", "Service/hello"),
        _object("Revision", "hello-2", "Configuration/hello"),
        _object("Revision", "hello-1", "Configuration/hello"),
        _object("Configuration", "hello", "Service/hello"),
        _object("Pod", "stranger"),
        _object("Pod", "friend", "Service/hello", controller=False),
    ]
    found = graph(root, others)
    assert repr(found).splitlines() == [
        "Service hello",
        "   Configuration hello",
        "      Revision hello-1",
        "      Revision hello-2",
        "   Route hello",
    ]
    assert len(found) == 5
    assert found.nodes[0].group == ""
    assert list(found.frame["owner"]) == [
        "",
        "Service hello",
        "Configuration hello",
        "Configuration hello",
        "Service hello",
    ]
    assert "Revision" in found._repr_html_()
