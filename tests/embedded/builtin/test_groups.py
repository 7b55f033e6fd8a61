"""Every group of ours has its place in discovery."""

from __future__ import annotations

from knlab.embedded.builtin.groups import GROUP_PRIORITIES
from knlab.embedded.builtin.kinds import rows
from knlab.embedded.builtin.reviews import REVIEWS


def test_every_group_that_is_served_has_a_priority() -> None:
    served = {row.group for row in rows(lambda _: ())} | {review.row.group for review in REVIEWS}
    assert served <= GROUP_PRIORITIES.keys()


def test_only_the_groups_of_custom_resources_come_before_metrics() -> None:
    assert min(GROUP_PRIORITIES, key=GROUP_PRIORITIES.__getitem__) == "metrics.k8s.io"
    assert [group for group, number in GROUP_PRIORITIES.items() if number < 1000] == [
        "metrics.k8s.io"
    ]
