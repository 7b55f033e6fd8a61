"""A picture that a cell can end in: it shows itself, says itself in words, and saves itself."""

from __future__ import annotations

import base64
import io
from html import escape
from pathlib import Path
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from knlab._exceptions import UsageError
from knlab.plot.style import styled

_FORMATS: Final = (".svg", ".png", ".pdf")
_DPI: Final = 160
_COLOURS: Final = 96
"""An embedded picture has a palette: a quarter of the bytes, and nobody sees the difference."""


class Chart:
    """One figure, made without pyplot, with the sentence that says what it shows."""

    def __init__(self, figure: Figure, alt: str) -> None:
        self._figure = figure
        self.alt = alt

    @property
    def figure(self) -> Figure:
        """The figure, for whoever wants to add to it."""
        return self._figure

    @property
    def axes(self) -> tuple[Axes, ...]:
        """The figure's axes, from left to right and from top to bottom."""
        return tuple(self._figure.axes)

    def save(self, path: str | Path) -> Path:
        """The file at `path`, in the format that its name ends in.

        Raises:
            UsageError: for any ending but .svg, .png and .pdf.
        """
        target = Path(path)
        if target.suffix not in _FORMATS:
            raise UsageError(f"{target.name!r} has no known ending", hint=", ".join(_FORMATS))
        target.write_bytes(self.render(target.suffix[1:]))
        return target

    def render(self, kind: str = "svg") -> bytes:
        """The picture's bytes; the same figure gives the same bytes."""
        out = io.BytesIO()
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
        with styled():
            self._figure.savefig(out, format=kind, dpi=_DPI, metadata=undated)
        return out.getvalue()

    def _small_png(self) -> bytes:
        drawn = Image.open(io.BytesIO(self.render("png"))).convert("RGB")
        out = io.BytesIO()
        drawn.quantize(_COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        return out.getvalue()

    def __repr__(self) -> str:
        return f"<Chart: {self.alt}>"

    def _repr_html_(self) -> str:
        address = f"data:image/png;base64,{base64.b64encode(self._small_png()).decode()}"
        look = "max-width:100%;border-radius:6px;background:#fff"
        return (
            '<figure style="margin:0.5em 0;max-width:50em">'
            f'<img alt="{escape(self.alt)}" src="{address}" style="{look}"></figure>'
        )
