"""Go's durations, numbers, quotes and templates."""

from __future__ import annotations

import pytest

from knlab.embedded.serving.go_template import GoTemplate, TemplateError, check_syntax
from knlab.embedded.serving.go_text import (
    GoParseError,
    GoRangeError,
    format_float,
    format_seconds,
    parse_bool,
    parse_float,
    parse_integer,
    parse_seconds,
    quoted,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30.0), ("1m30s", 90.0), ("1h", 3600.0), ("250ms", 0.25), ("0", 0.0), ("-1s", -1.0),
     ("1.5h", 5400.0), ("1m3s34ms", 63.034), ("+5s", 5.0), (".5s", 0.5)],
)  # fmt: skip
def test_durations(text: str, seconds: float) -> None:
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10", 'time: missing unit in duration "10"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("", 'time: invalid duration ""'),
        ("x", 'time: invalid duration "x"'),
        ("-", 'time: invalid duration "-"'),
    ],
)
def test_what_is_no_duration(text: str, message: str) -> None:
    with pytest.raises(GoParseError) as refused:
        parse_seconds(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(30, "30s"), (3600, "1h0m0s"), (90, "1m30s"), (0, "0s"), (0.0015, "1.5ms"), (-1, "-1s"),
     (6.5, "6.5s"), (2e-7, "200ns"), (3e-6, "3µs"), (3661.25, "1h1m1.25s")],
)  # fmt: skip
def test_durations_print_as_in_go(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (0.7, "0.7"), (1e21, "1e+21"), (1e-7, "1e-07"), (-2.5, "-2.5")]
)
def test_floats_print_as_in_go(value: float, text: str) -> None:
    assert format_float(value) == text


def test_numbers_and_booleans() -> None:
    assert parse_float("1e3") == 1000
    assert parse_integer("-3") == -3
    assert parse_bool("T") is True
    assert parse_bool("False") is False
    with pytest.raises(GoRangeError):
        parse_integer("2147483648", bits=32)
    for parse in (parse_float, parse_integer, parse_bool):
        with pytest.raises(GoParseError, match="invalid syntax"):
            parse("yes")
    assert quoted('a"b') == '"a\\"b"'


def test_templates_fill_in_fields_and_maps() -> None:
    template = GoTemplate("t", '{{.Name}}-{{ index .Labels "a" }}-{{.Labels.a}}{{.Labels.no}}')
    assert template.render({"Name": "x", "Labels": {"a": "b"}}) == "x-b-b<no value>"


def test_a_missing_field_is_an_error_with_its_place() -> None:
    with pytest.raises(TemplateError) as refused:
        GoTemplate("tag-template", "a\nb{{.Nope}}").render({"Labels": {}})
    assert str(refused.value) == (
        'template: tag-template:2:3: executing "tag-template" at <.Nope>:'
        " can't evaluate field Nope in type config.TagTemplateValues"
    )


@pytest.mark.parametrize("text", ["{{if .Name}}x{{end}}", "{{.Name | js}}"])
def test_what_is_not_supported_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="not supported by the embedded cluster"):
        GoTemplate("t", text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{{.Name", "t:1: unclosed action"),
        ("\n{{", "t:2: unclosed action"),
        ("{{.Name}", "t:1: bad character U+007D '}'"),
        ("{{}}", "t:1: missing value for command"),
        ("{{end}}", "t:1: unexpected {{end}}"),
        ("{{else}}", "t:1: unexpected {{else}}"),
        ("{{if}}", "t:1: missing value for if"),
        ("{{if .A}}\n{{if .B}}{{end}}", "t:2: unexpected EOF"),
        ("{{.A | foo}}", 't:1: function "foo" not defined'),
    ],
)
def test_what_goes_parser_refuses(text: str, complaint: str) -> None:
    with pytest.raises(TemplateError) as refused:
        check_syntax("t", text)
    assert str(refused.value) == f"template: {complaint}"


@pytest.mark.parametrize(
    "text",
    [
        "}}",
        "{{/* } */}}",
        '{{js "}}"}}',
        "{{- .A -}}",
        "{{range .A}}{{else}}{{end}}",
        "{{$x := 1}}",
    ],
)
def test_what_goes_parser_takes(text: str) -> None:
    check_syntax("t", text)
