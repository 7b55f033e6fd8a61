"""The autoscaler component: drives `kpa` with the cluster's pods, reports and clock.

`AutoscalerService.run` is what the autoscaler's pod runs; `Decision` is one entry of its history.
"""

from __future__ import annotations

from knlab.embedded.autoscaling.deciders import Decision
from knlab.embedded.autoscaling.service import AutoscalerService

__all__ = ["AutoscalerService", "Decision"]
