"""What a queue-proxy or an activator reports about one revision, once a second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """One report (knative/serving `pkg/autoscaler/metrics/stat.proto`).

    Concurrency is in requests, averaged over the reporting second and weighted by time; counts are
    requests that arrived in that second. The proxied part came through the activator, which reports
    it itself.
    """

    revision: str
    """`namespace/name`."""
    pod: str
    """Who reports: a pod of the revision, or an activator."""
    time: float
    """When it arrived: seconds since the epoch."""
    average_concurrent_requests: float = 0.0
    average_proxied_concurrent_requests: float = 0.0
    request_count: float = 0.0
    proxied_request_count: float = 0.0
    process_uptime: float = 0.0
    """How long the reporting pod has run, in seconds."""
