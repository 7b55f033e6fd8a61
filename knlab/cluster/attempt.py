"""An action that may be refused, with the refusal as a result: bad input is a lesson too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from knlab._exceptions import KnlabError
from knlab._html import html_table


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an action went: accepted, or refused with the cluster's own words."""

    error: KnlabError | None

    @property
    def refused(self) -> bool:
        """Whether the action failed."""
        return self.error is not None

    @property
    def message(self) -> str:
        """What the cluster said; empty if it accepted."""
        return "" if self.error is None else self.error.message

    def __repr__(self) -> str:
        if self.error is None:
            return "<accepted>"
        return f"<refused, {type(self.error).__name__}: {self.message}>"

    def _repr_html_(self) -> str:
        if self.error is None:
            return html_table(("attempt", ""), [("accepted", "")])
        rows = [
            ("refused", type(self.error).__name__),
            ("message", self.message),
            ("what to do", self.error.hint),
        ]
        return html_table(("attempt", ""), rows)


def attempt(action: Callable[[], object]) -> Attempt:
    """How `action` went; whatever knlab raises on purpose becomes the answer."""
    try:
        action()
    except KnlabError as error:
        return Attempt(error)
    return Attempt(None)
