"""Templates of request logs: what they make, and what they may not contain."""

from __future__ import annotations

import pytest

from knlab.embedded.serving.config_deployment import REQUEST_LOG_TEMPLATE
from knlab.embedded.serving.go_template import TemplateError
from knlab.embedded.serving.request_log_template import FIELDS, RequestLogTemplate, js_escaped

VALUES: dict[str, object] = dict.fromkeys(FIELDS, "x") | {
    "Request.Method": "GET",
    "Request.RequestURI": "/a?b=1",
    "Response.Code": 200,
    "Response.Latency": 0.000000005,
}


def rendered(text: str) -> str:
    return RequestLogTemplate(text).render(VALUES, lambda name: f"value of {name}")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("{{.Request.Method}} {{ .Response.Code }}", "GET 200\n", id="fields"),
        pytest.param("{{.Response.Latency}}s", "5e-09s\n", id="numbers as Go prints them"),
        pytest.param("{{js .Request.RequestURI}}", "/a?b\\u003D1\n", id="js before"),
        pytest.param("{{.Request.RequestURI | js}}", "/a?b\\u003D1\n", id="js behind"),
        pytest.param(
            '{{.Request.Header.Get "X-One"}}', "value of X-One\n", id="a header by its name"
        ),
        pytest.param(
            '{{js (.Request.Header.Get "X=1")}}', "value of X\\u003D1\n", id="js of a header"
        ),
        pytest.param("a {{- .Request.Method -}} b", "aGETb\n", id="blanks trimmed away"),
        pytest.param("no actions\n", "no actions\n", id="one end of line is enough"),
    ],
)
def test_a_template_makes(text: str, line: str) -> None:
    assert rendered(text) == line


def test_the_default_template_can_be_used() -> None:
    assert rendered(REQUEST_LOG_TEMPLATE).startswith('{"httpRequest": {"requestMethod": "GET"')


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{{range .Request.Header}}{{end}}", id="control structures"),
        pytest.param("{{.Request.Nothing}}", id="fields that are not there"),
        pytest.param('{{printf "%q" .Request.Method}}', id="functions"),
        pytest.param("{{.Request.Method | html}}", id="pipelines"),
        pytest.param("{{js}}", id="js of nothing"),
    ],
)
def test_a_template_with_more_than_that_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="is not supported by the embedded cluster; use"):
        RequestLogTemplate(text)


def test_an_action_without_an_end_is_refused() -> None:
    with pytest.raises(TemplateError, match="unclosed action"):
        RequestLogTemplate("{{.Request.Method")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<a href='x'>&=\"\\", "\\u003Ca href\\u003D\\'x\\'\\u003E\\u0026\\u003D\\\"\\\\"),
        ("é 日", "é 日"),
        ("\n\t\x00\u2028", "\\u000A\\u0009\\u0000\\u2028"),
    ],
    ids=["what ends strings and tags", "letters stay", "what cannot be printed"],
)
def test_js_escapes(text: str, escaped: str) -> None:
    assert js_escaped(text) == escaped
