"""Knative's objects as data, for `tools/build_manifests.py` to write into `knlab/manifests/`.

Kinds, names, labels and schemas are those of Knative Serving and net-kourier v1.23; the texts are
written for the embedded cluster, whose component images exist nowhere else.
"""
