"""Kubernetes' own kinds and the control loops that a cluster of one node needs.

Pure: rows for the registry, defaults, validation, `sync` functions, and the objects a new cluster
starts with. What runs pods, and the HTTP server, are elsewhere.
"""
