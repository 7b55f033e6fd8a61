"""The way to zero, link by link, and as time lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from knlab.kpa.bounds import ScaleBounds
from knlab.kpa.scale_to_zero import NextScale, Standing, ZeroSpec, next_scale

ZERO = ZeroSpec()
FREE = ScaleBounds()
ACTIVE = Standing(activity="True", activity_age=60.0, initialized=True, proxied_for=100.0)
INACTIVE = replace(ACTIVE, activity="False", activity_age=0.0, activator_answers=True)
ACTIVATING = Standing(activity="Unknown", activity_age=1.0)


@pytest.mark.parametrize(
    ("zero", "bounds", "standing", "desired", "step"),
    [
        pytest.param(
            ZERO, FREE, ACTIVE, -1, NextScale(wanted=-1), id="without a decision nothing happens"
        ),
        pytest.param(ZERO, FREE, INACTIVE, -1, NextScale(wanted=-1), id="nor while inactive"),
        pytest.param(
            ZERO, FREE, ACTIVE, 3, NextScale(wanted=3, apply=True), id="other scales are applied"
        ),
        pytest.param(
            ZERO, ScaleBounds(maximum=5), ACTIVE, 72,
            NextScale(wanted=5, apply=True, clipped_by="max-scale"), id="within the bounds",
        ),
        pytest.param(
            ZERO, ScaleBounds(minimum=1), ACTIVE, 0,
            NextScale(wanted=1, apply=True, clipped_by="min-scale"), id="min-scale keeps pods",
        ),
        pytest.param(
            ZERO, ScaleBounds(initial=2), ACTIVATING, -1,
            NextScale(wanted=2, apply=True, clipped_by="initial-scale"),
            id="the initial scale is applied before anything is known",
        ),
        pytest.param(
            replace(ZERO, enabled=False), FREE, INACTIVE, 0, NextScale(wanted=1, apply=True),
            id="without scale to zero one pod stays",
        ),
        pytest.param(
            ZERO, FREE, ACTIVATING, 0, NextScale(wanted=-1, again_after=630.0),
            id="while activating zero waits for the time-out",
        ),
        pytest.param(
            ZERO, FREE, ACTIVATING, -1, NextScale(wanted=-1, again_after=630.0),
            id="also before anything is known",
        ),
        pytest.param(
            ZERO, FREE, replace(ACTIVATING, activity_age=630.0), 0,
            NextScale(wanted=-1, again_after=630.0), id="exactly at the time-out too",
        ),
        pytest.param(
            ZERO, FREE, replace(ACTIVATING, activity_age=630.1), 0, NextScale(wanted=0, apply=True),
            id="after the time-out the pods go",
        ),
        pytest.param(
            ZERO, FREE, replace(ACTIVE, activity_age=20.0), 0,
            NextScale(wanted=1, apply=True, again_after=40.0),
            id="active for less than the window: one pod for the rest of it",
        ),
        pytest.param(
            ZERO, FREE, ACTIVE, 0, NextScale(wanted=0, again_after=3.0),
            id="active for the window: inactive, but the pod stays",
        ),
        pytest.param(
            ZERO, FREE, replace(ACTIVE, proxy_mode=False), 0, NextScale(wanted=0),
            id="changing the mode will cause the next look",
        ),
        pytest.param(
            ZERO, FREE, replace(INACTIVE, activator_answers=False), 0,
            NextScale(wanted=0, probe=True), id="the activator must answer first",
        ),
        pytest.param(
            replace(ZERO, probes=False), FREE, replace(INACTIVE, activator_answers=False), 0,
            NextScale(wanted=0, apply=True), id="unless it is always in the path",
        ),
        pytest.param(
            ZERO, FREE, INACTIVE, 0, NextScale(wanted=0, apply=True),
            id="in the path for the grace period already: no pods at once",
        ),
        pytest.param(
            ZERO, FREE, replace(INACTIVE, proxied_for=0.5), 0,
            NextScale(wanted=0, again_after=29.5), id="else the rest of the grace period",
        ),
        pytest.param(
            ZERO, FREE, replace(INACTIVE, proxied_for=0.0, activity_age=30.0), 0,
            NextScale(wanted=0, apply=True), id="inactive for the grace period is enough",
        ),
        pytest.param(
            replace(ZERO, retention_period=90.0), FREE, replace(INACTIVE, activity_age=30.0), 0,
            NextScale(wanted=0, again_after=60.0), id="the last pod is retained",
        ),
        pytest.param(
            replace(ZERO, retention_period=90.0), FREE, replace(INACTIVE, activity_age=90.0), 0,
            NextScale(wanted=0, apply=True), id="for so long and no longer",
        ),
        pytest.param(
            replace(ZERO, retention_period=15.0), FREE,
            replace(INACTIVE, activity_age=15.0, proxied_for=15.0), 0,
            NextScale(wanted=0, again_after=15.0), id="a short retention hides behind the grace",
        ),
        pytest.param(
            replace(ZERO, retention_period=15.0), FREE, replace(INACTIVE, activity_age=15.0), 0,
            NextScale(wanted=0, apply=True), id="but delays the fast way",
        ),
    ],
)  # fmt: skip
def test_next_scale(
    zero: ZeroSpec, bounds: ScaleBounds, standing: Standing, desired: int, step: NextScale
) -> None:
    assert next_scale(zero, bounds, standing, desired) == step


def inactive_and_gone(zero: ZeroSpec, *, active_since: float, proxied_since: float) -> list[float]:
    """When the pod becomes inactive and when it goes, if nothing is wanted from time 0 on."""
    activity, since, now, seen = "True", active_since, 0.0, [0.0]
    while now < 300:
        standing = Standing(
            activity="True" if activity == "True" else "False",
            activity_age=now - since,
            initialized=True,
            proxied_for=max(0.0, now - proxied_since),
            activator_answers=True,
        )
        step = next_scale(zero, FREE, standing, 0)
        if step.apply and step.wanted == 0:
            return [*seen[1:], now]
        if activity == "True" and step.wanted == 0:
            activity, since = "False", now
            seen.append(now)
        else:
            now += step.again_after or 1.0
    raise AssertionError("never at zero")


@pytest.mark.parametrize(
    ("window", "active_since", "proxied_since", "times"),
    [
        pytest.param(60, -60, -100, [0, 0], id="Proxy all along: no grace period"),
        pytest.param(60, -60, 0, [0, 30], id="Serve until now: thirty seconds of grace"),
        pytest.param(6, -0, -1, [6, 29], id="a new revision keeps its pod about thirty seconds"),
        pytest.param(6, -7, -100, [0, 0], id="the next time it goes at once"),
        pytest.param(60, -20, -100, [40, 40], id="active for the stable window first"),
    ],
)
def test_time_lines(
    window: float, active_since: float, proxied_since: float, times: list[float]
) -> None:
    zero = replace(ZERO, stable_window=window)
    seen = inactive_and_gone(zero, active_since=active_since, proxied_since=proxied_since)
    assert seen == times
