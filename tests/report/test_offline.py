"""What a page would fetch from elsewhere."""

from __future__ import annotations

import pytest

from knlab.report.offline import remote_references


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn/x.js"></script>',
        "<script\nasync src='http://cdn/x.js'></script>",
        '<link rel="stylesheet" href="//cdn/x.css">',
        "<img src=https://host/x.png>",
        '<IMG SRC="HTTPS://host/x.png">',
        '<img srcset="https://host/2x.png 2x" src="data:,">',
        '<iframe src="https://video"></iframe>',
        '<style>@import "https://fonts/css";</style>',
        "<style>body { background: url(//host/x.png) }</style>",
        "<p style=\"background:url('https://host/x.png')\">x</p>",
        '<svg><image xlink:href="https://host/x.png"/></svg>',
        '<object data="https://host/x.swf"></object>',
        '<video poster="https://host/x.png"></video>',
    ],
)
def test_found(html: str) -> None:
    assert len(remote_references(f"<p>before</p>{html}<p>after</p>")) == 1


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://knative.dev">a link to follow</a>',
        '<a href="//knative.dev">another</a>',
        '<img src="data:image/png;base64,AAAA">',
        '<link rel="prev" href="00.html">',
        "<p>see https://knative.dev and url(https://x)</p>",
        "<style>p { color: red }</style><p>url(https://x)</p>",
        "<pre>curl http://hello.default.127.0.0.1.nip.io</pre>",
    ],
)
def test_not_found(html: str) -> None:
    assert remote_references(html) == []
