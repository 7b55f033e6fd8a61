from __future__ import annotations

import base64

import yaml

from knlab.embedded.kube.kubeconfig import kubeconfig


def test_a_kubeconfig_carries_the_authority_the_token_and_one_context() -> None:
    found = yaml.safe_load(kubeconfig("https://127.0.0.1:6443", "PEM", "t0ken", "knlab"))
    cluster = found["clusters"][0]["cluster"]
    assert cluster["server"] == "https://127.0.0.1:6443"
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"PEM"
    assert found["users"] == [{"name": "knlab", "user": {"token": "t0ken"}}]
    assert found["current-context"] == found["contexts"][0]["name"] == "knlab"
