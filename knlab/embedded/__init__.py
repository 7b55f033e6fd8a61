"""The embedded cluster: a process that speaks the Kubernetes API and behaves like Knative.

Nothing outside this package imports it; `knlab.cluster` starts it with `python -m knlab.embedded`.

    __main__ → platform            builds everything, owns the event loop
    components, routing            Knative's components as programs; routes for the data plane
    autoscaling, pods, reports     the impure shells: ticks, processes, statistics
    images                         which program an image reference means
    serving, builtin, dataplane    what Knative, Kubernetes and the request path do; strangers
    kube, net, runtime             a generic Kubernetes server; HTTP on sockets; containers
"""
