"""The twelve CustomResourceDefinitions that Knative Serving installs.

`knative_crds.json.gz` has what release 1.23 defines: schemas, descriptions, columns, names. It was
recorded with `kubectl get crd -o json` from a cluster with that release; what the server itself
fills in is left out. Copyright The Knative Authors, licensed under the Apache License 2.0.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from tools.manifests.labels import VERSION, Object

RECORDED = Path(__file__).with_name("knative_crds.json.gz")


def definitions() -> Iterator[Object]:
    """The CustomResourceDefinition objects."""
    for crd in json.loads(gzip.decompress(RECORDED.read_bytes())):
        labels = crd["labels"] | {"app.kubernetes.io/version": VERSION}
        yield {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": crd["name"], "labels": dict(sorted(labels.items()))},
            "spec": crd["spec"],
        }
