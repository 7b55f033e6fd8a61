"""The API client's errors as ours."""

from __future__ import annotations

from typing import Any

import kubernetes.client
import pytest
from kubernetes.dynamic.exceptions import ResourceNotFoundError

from knlab._exceptions import NotInstalled
from knlab.cluster.kubernetes import SERVICE, Kubernetes


class Discovery:
    """What a dynamic client has learned; asking it for a kind fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.resources = self

    def get(self, **_: str) -> Any:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [ResourceNotFoundError("no such kind"), kubernetes.client.ApiException(status=404)],
    ids=["never heard of", "remembered from an earlier cluster"],
)
def test_a_kind_that_the_server_does_not_have(error: Exception) -> None:
    api = Kubernetes(kubernetes.client.ApiClient())
    vars(api)["_dynamic"] = Discovery(error)
    with pytest.raises(NotInstalled) as refused:
        api.find(SERVICE, "hello", "default")
    assert refused.value.message == (
        'no matches for kind "Service" in version "serving.knative.dev/v1"'
    )
