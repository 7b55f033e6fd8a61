"""How one list became another, in the steps that Go's library go-cmp finds.

Its search is greedy and goes on at both ends in turn. Each process there draws by lot at which end
it begins; here it is always the front.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Literal, TypeAlias

Step: TypeAlias = Literal["same", "modified", "removed", "added"]
Likeness: TypeAlias = Literal["equal", "similar", "different"]
Compare: TypeAlias = Callable[[int, int], Likeness]
"""How alike an item of the old list and one of the new are, by their indexes."""


class _End:
    """The way that was found from one end of both lists; indexes count from that end."""

    def __init__(self, compare: Compare, *, on_tie: Step) -> None:
        self.x = self.y = 0
        self.frontier = (0, 0)
        self.steps: list[Step] = []
        self._compare = compare
        self._on_tie = on_tie

    def search(self, limit_x: int, limit_y: int, budget: int) -> int:
        """Look along a diagonal for the next equal items; what is left of `budget`."""
        front_x, front_y = self.frontier
        beyond_x = beyond_y = False
        for turn in count():
            if (beyond_x and beyond_y) or not budget:
                break
            offset = turn // 2 if turn % 2 == 0 else -(turn // 2) - 1
            x, y = front_x + offset, front_y - offset
            if x >= limit_x or y < self.y:
                beyond_x = True
            elif y >= limit_y or x < self.x:
                beyond_y = True
            elif self._compare(x, y) == "equal":
                self.connect(x, y)
                self._follow(limit_x, limit_y)
                front_x, front_y = self.x, self.y
                break
            else:
                budget -= 1
        is_wider = limit_x - front_x >= limit_y - front_y
        self.frontier = (front_x + 1, front_y) if is_wider else (front_x, front_y + 1)
        return budget

    def _follow(self, limit_x: int, limit_y: int) -> None:
        while self.x < limit_x and self.y < limit_y and self._compare(self.x, self.y) == "equal":
            self._take("same")

    def connect(self, x: int, y: int) -> None:
        """Go on to the items `x` and `y`."""
        while self.x < x and self.y < y:
            likeness = self._compare(self.x, self.y)
            ahead = (x - self.x) - (y - self.y)
            if likeness != "different":
                self._take("same" if likeness == "equal" else "modified")
            elif ahead == 0:
                self._take(self._on_tie)
            else:
                self._take("removed" if ahead > 0 else "added")
        while self.x < x:
            self._take("removed")
        while self.y < y:
            self._take("added")

    def _take(self, step: Step) -> None:
        self.steps.append(step)
        self.x += step != "added"
        self.y += step != "removed"


def edit_script(old: int, new: int, compare: Compare) -> list[Step]:
    """The steps from a list of `old` items to one of `new`."""

    def from_behind(x: int, y: int) -> Likeness:
        return compare(old - 1 - x, new - 1 - y)

    front, back = _End(compare, on_tie="removed"), _End(from_behind, on_tie="added")
    here, there = front, back
    budget = 4 * (old + new)
    while (
        budget
        and here.frontier[0] + there.frontier[0] < old
        and here.frontier[1] + there.frontier[1] < new
    ):
        budget = here.search(old - there.x, new - there.y, budget)
        here, there = there, here
    front.connect(old - back.x, new - back.y)
    return [*front.steps, *reversed(back.steps)]
