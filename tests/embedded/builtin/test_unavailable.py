from __future__ import annotations

import pytest

from knlab.embedded.builtin.unavailable import unavailable_rows
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.errors import NotFound, NotImplementedHere
from knlab.embedded.kube.registry import Resource

ROWS = tuple(unavailable_rows())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.name))
def test_they_are_never_there_and_cannot_be_made(api: Api, row: Resource) -> None:
    namespace = "default" if row.namespaced else ""
    assert api.page(row.name).items == []
    metadata = {"name": "mine", "namespace": namespace} if namespace else {"name": "mine"}
    obj = {"apiVersion": row.api_version, "kind": row.kind, "metadata": metadata}
    with pytest.raises(NotImplementedHere) as refused:
        api.create(row.name, obj)
    assert refused.value.message == f"{row.name} are not available on this cluster"
    with pytest.raises(NotFound):
        api.delete(row.name, namespace, "mine")
