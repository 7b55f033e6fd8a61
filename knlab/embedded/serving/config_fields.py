"""Reading one ConfigMap's data key by key, with the texts of Knative's parsers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from knlab.embedded.kube.quantities import QuantityError, canonical_quantity
from knlab.embedded.serving import go_text

_T = TypeVar("_T")


class ConfigError(ValueError):
    """A ConfigMap that Knative refuses; the message is its own."""


class Fields:
    """Typed reading of `data`. Several keys are spellings of one setting: the last present wins."""

    def __init__(self, data: Mapping[str, str], *, prefix: str = "") -> None:
        self._data = data
        self._prefix = prefix

    def string(self, default: str, *keys: str) -> str:
        """Text without blanks around it."""
        return self._read(str.strip, default, keys)

    def boolean(self, *keys: str, default: bool) -> bool:
        """A truth value."""
        return self._read(go_text.parse_bool, default, keys)

    def number(self, default: float, *keys: str) -> float:
        """A floating-point number."""
        return self._read(go_text.parse_float, default, keys)

    def integer(self, default: int, *keys: str, bits: int = 64) -> int:
        """A whole number of `bits` bits."""
        return self._read(lambda text: go_text.parse_integer(text, bits=bits), default, keys)

    def unsigned(self, default: int, *keys: str, bits: int = 64) -> int:
        """A whole number of `bits` bits that is not negative."""
        return self._read(lambda text: go_text.parse_unsigned(text, bits=bits), default, keys)

    def seconds(self, default: float, *keys: str) -> float:
        """A duration, in seconds."""
        return self._read(go_text.parse_seconds, default, keys)

    def quantity(self, default: str, *keys: str) -> str:
        """A resource quantity in its canonical spelling; empty means unset."""
        return self._read(canonical_quantity, default, keys)

    def words(self, default: frozenset[str], *keys: str) -> frozenset[str]:
        """A comma-separated set."""
        return self._read(
            lambda text: frozenset(word.strip() for word in text.split(",")), default, keys
        )

    def choice(self, default: str, allowed: tuple[str, ...], *keys: str) -> str:
        """One of `allowed` in any case; other values are ignored, as Knative ignores them."""
        known = {word.lower(): word for word in allowed}
        found = default
        for key in keys:
            found = known.get(self._data.get(key, "").lower(), found)
        return found

    def _read(self, parse: Callable[[str], _T], default: _T, keys: tuple[str, ...]) -> _T:
        value = default
        for key in keys:
            if key not in self._data:
                continue
            try:
                value = parse(self._data[key])
            except (go_text.GoParseError, QuantityError) as error:
                text = f"{self._prefix}failed to parse {go_text.quoted(key)}: {error}"
                raise ConfigError(text) from error
        return value
