"""HTTP on sockets, and the pod network. The only importer of an HTTP library on the server side.

Knows no Kubernetes and no Knative: `Request`, `Response` and `Handler` are the only HTTP words that
the rest of the embedded cluster knows.
"""
