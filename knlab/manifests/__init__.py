"""Knative's objects for the embedded cluster to install; written by `tools/build_manifests.py`."""
