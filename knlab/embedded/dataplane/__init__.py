"""The request path of Knative: gateway, activator, queue-proxy, as handlers around handlers.

`breaker`, `balance`, `stats` and `routing_table` are pure: no I/O, no clock. Two records cross to
the control plane and back: `RouteChanges` come, `Stat`s go. Knows no Kubernetes object.
"""
