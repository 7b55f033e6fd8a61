"""The kubeconfig with which clients reach a server."""

from __future__ import annotations

import base64

import yaml


def kubeconfig(server: str, ca_pem: str, token: str, name: str, namespace: str = "default") -> str:
    """A kubeconfig as YAML: one cluster at `server`, one user, one context, all called `name`."""
    authority = base64.b64encode(ca_pem.encode()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {"server": server, "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}
        ],
        "current-context": name,
    }
    return yaml.safe_dump(content, sort_keys=False)
