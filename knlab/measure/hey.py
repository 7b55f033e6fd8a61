"""hey's report: written from our own records, read from somebody else's, and checked for sense.

The layout is that of hey v0.1.4, with these differences, each where hey misleads:

* `DNS+dialup` has its own fastest and slowest; v0.1.4 prints the whole requests' there
  (rakyll/hey#207, fixed after its last release).
* Percentiles go on to 99.99 %, by the definition in `stats`.
* `Requests/sec` and all latencies count successes only; failures are listed by class below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from knlab._exceptions import UsageError
from knlab._units import format_count, format_duration
from knlab.measure.records import LoadSummary, PhaseRange

_BAR: Final = 40
_HEAD: Final = re.compile(
    r"^\s*(Total|Slowest|Fastest|Average|Requests/sec):\s+([\d.]+)", re.MULTILINE
)
_DATA: Final = re.compile(r"^\s*(Total data|Size/request):\s+(\d+) bytes", re.MULTILINE)
_BIN: Final = re.compile(r"^\s*([\d.]+) \[(\d+)\]\s*\|", re.MULTILINE)
_PERCENTILE: Final = re.compile(r"^\s*([\d.]+)%+ in ([\d.]+) secs", re.MULTILINE)
_DETAIL: Final = re.compile(
    r"^\s*(DNS\+dialup|DNS-lookup|req write|resp wait|resp read):"
    r"\s+([\d.]+) secs, ([\d.]+) secs, ([\d.]+) secs",
    re.MULTILINE,
)
_STATUS: Final = re.compile(r"^\s*\[(\d{3})\]\s+(\d+) responses", re.MULTILINE)
_ERROR: Final = re.compile(r"^\s*\[(\d+)\]\s+(?!\d+ responses)(\S.*)$", re.MULTILINE)


def format_report(summary: LoadSummary) -> str:
    """`summary` in hey's layout."""
    blocks = [_head(summary)]
    if summary.percentiles:
        blocks += [
            ["Response time histogram:", *_bars(summary.histogram), ""],
            ["Latency distribution:", *_latencies(summary)],
            ["Details (average, fastest, slowest):", *(_detail(each) for each in summary.details)],
        ]
    if summary.status:
        codes = (f"  [{code}]\t{count} responses" for code, count in summary.status)
        blocks.append(["Status code distribution:", *codes])
    if summary.errors:
        named = (f"  [{count}]\t{name}" for name, count in summary.errors)
        blocks.append(["Error distribution:", *named])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _head(summary: LoadSummary) -> list[str]:
    lines = ["Summary:", f"  Total:\t{summary.total:.4f} secs"]
    if summary.percentiles:
        lines += [
            f"  Slowest:\t{summary.slowest:.4f} secs",
            f"  Fastest:\t{summary.fastest:.4f} secs",
            f"  Average:\t{summary.average:.4f} secs",
        ]
    lines.append(f"  Requests/sec:\t{summary.requests_per_second:.4f}")
    if summary.total_bytes:
        lines += [
            "",
            f"  Total data:\t{summary.total_bytes} bytes",
            f"  Size/request:\t{summary.bytes_per_request} bytes",
        ]
    return lines


def _bars(histogram: Iterable[tuple[float, int]]) -> Iterable[str]:
    bins = list(histogram)
    most = max((count for _, count in bins), default=0) or 1
    for edge, count in bins:
        yield f"  {edge:.3f} [{count}]\t|{'■' * round(count / most * _BAR)}"


def _latencies(summary: LoadSummary) -> Iterable[str]:
    return (f"  {share:g}% in {seconds:.4f} secs" for share, seconds in summary.percentiles)


def _detail(phase: PhaseRange) -> str:
    return (
        f"  {phase.name}:\t{phase.average:.4f} secs, "
        f"{phase.fastest:.4f} secs, {phase.slowest:.4f} secs"
    )


def from_hey(text: str, *, concurrency: int = 0, world: str = "") -> LoadSummary:
    """The numbers in a report of hey; what it cut off stays empty.

    Raises:
        UsageError: if `text` has no summary.
    """
    head = {name: float(value) for name, value in _HEAD.findall(text)}
    if len(head) < 5:
        raise UsageError(
            "this is no report of hey", hint="pass all that hey printed, from 'Summary:' on"
        )
    sizes = {name: int(value) for name, value in _DATA.findall(text)}
    bins = tuple((float(edge), int(count)) for edge, count in _BIN.findall(text))
    _, _, endings = text.partition("Error distribution:")
    return LoadSummary(
        total=head["Total"],
        slowest=head["Slowest"],
        fastest=head["Fastest"],
        average=head["Average"],
        requests_per_second=head["Requests/sec"],
        requests=sum(count for _, count in bins) or round(head["Requests/sec"] * head["Total"]),
        concurrency=concurrency,
        total_bytes=sizes.get("Total data", 0),
        bytes_per_request=sizes.get("Size/request", 0),
        histogram=bins,
        percentiles=tuple((float(p), float(value)) for p, value in _PERCENTILE.findall(text)),
        details=tuple(
            PhaseRange(name=name, average=float(mean), fastest=float(low), slowest=float(high))
            for name, mean, low, high in _DETAIL.findall(text)
        ),
        status=tuple((int(code), int(count)) for code, count in _STATUS.findall(text)),
        errors=tuple((name.strip(), int(count)) for count, name in _ERROR.findall(endings)),
        world=world,
    )


def doubts(summary: LoadSummary) -> tuple[str, ...]:
    """What in a report cannot be true or hides something, a sentence each."""
    return tuple(
        filter(None, (_copied_dialup(summary), _hidden_tail(summary), _lookup_tail(summary)))
    )


def _part(summary: LoadSummary, name: str) -> PhaseRange | None:
    return next((each for each in summary.details if each.name == name), None)


def _copied_dialup(summary: LoadSummary) -> str:
    part = _part(summary, "DNS+dialup")
    if part is None or (part.fastest, part.slowest) != (summary.fastest, summary.slowest):
        return ""
    return (
        "DNS+dialup repeats the fastest and slowest of the whole requests: "
        "hey up to v0.1.4 prints them there by mistake."
    )


def _hidden_tail(summary: LoadSummary) -> str:
    if not summary.percentiles or len(summary.histogram) < 2:
        return ""
    last, value = summary.percentiles[-1]
    edges = (0.0, *(edge for edge, _ in summary.histogram[:-1]))
    beyond = [
        (low, count)
        for low, (_, count) in zip(edges, summary.histogram, strict=True)
        if low > 2 * value and count
    ]
    hidden = sum(count for _, count in beyond)
    if not hidden:
        return ""
    return (
        f"p{last:g} is {format_duration(value)}, but {format_count(hidden)} of "
        f"{format_count(summary.requests)} requests ({hidden / summary.requests:.3%}) took more "
        f"than {format_duration(beyond[0][0])}."
    )


def _lookup_tail(summary: LoadSummary) -> str:
    lookup, wait = _part(summary, "DNS-lookup"), _part(summary, "resp wait")
    if lookup is None or wait is None:
        return ""
    if lookup.slowest < 0.5 * summary.slowest or wait.slowest > 0.5 * summary.slowest:
        return ""
    return (
        f"The slowest request spent up to {format_duration(lookup.slowest)} on the name lookup; "
        f"no request waited longer than {format_duration(wait.slowest)} for the server."
    )
