"""Which domain, host and URL a Route gets."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.objects import Object
from knlab.embedded.serving.config import parse_domains, parse_network
from knlab.embedded.serving.domains import DomainNameError, Naming, expanded_hosts, visibilities
from tests.factories import DictView, make

LOCAL = {"networking.knative.dev/visibility": "cluster-local"}


def route(**labels: str) -> Object:
    return make(
        "serving.knative.dev/v1", "Route", "hello", "ns",
        metadata={"labels": labels}, spec={"traffic": [{"percent": 100}, {"tag": "v2"}]},
    )  # fmt: skip


def naming(domains: dict[str, str], **network: str) -> Naming:
    values = {key.replace("_", "-"): value for key, value in network.items()}
    return Naming(parse_network(values), parse_domains(domains))


@pytest.mark.parametrize(
    ("domains", "labels", "wanted"),
    [
        pytest.param({}, {}, "svc.cluster.local", id="stock settings stay in the cluster"),
        pytest.param({"b.com": "", "a.com": ""}, {}, "a.com", id="ties go by alphabet"),
        pytest.param(
            {"a.com": "", "z.com": "selector:\n  app: x"}, {"app": "x"}, "z.com",
            id="most selector pairs win",
        ),
        pytest.param({"a.com": "selector:\n  app: x"}, {}, "svc.cluster.local", id="no default"),
        pytest.param({"a.com": ""}, LOCAL, "svc.cluster.local", id="the label forces the cluster"),
    ],
)  # fmt: skip
def test_the_domain(domains: dict[str, str], labels: dict[str, str], wanted: str) -> None:
    assert parse_domains(domains).lookup(labels) == wanted


def test_hosts_and_urls() -> None:
    found = naming({"example.com": ""})
    assert found.url(route(), "", local=False) == "http://hello.ns.example.com"
    assert found.url(route(), "v2", local=False) == "http://v2-hello.ns.example.com"
    assert found.url(route(), "v2", local=True) == "http://v2-hello.ns.svc.cluster.local"
    assert found.hosts(route(), "", "ClusterLocal") == [
        "hello.ns", "hello.ns.svc", "hello.ns.svc.cluster.local",
    ]  # fmt: skip
    assert found.hosts(route(), "", "ExternalIP") == ["hello.ns.example.com"]


def test_templates_rename_but_not_inside_the_cluster() -> None:
    found = naming({"example.com": ""}, domain_template="{{.Name}}.{{.Domain}}",
                   tag_template="{{.Name}}-{{.Tag}}")  # fmt: skip
    assert found.url(route(), "v2", local=False) == "http://hello-v2.example.com"
    assert found.url(route(), "", local=True) == "http://hello.ns.svc.cluster.local"


def test_a_host_that_is_none_is_an_error() -> None:
    with pytest.raises(DomainNameError, match=r"^domain name error: invalid domain name"):
        naming({"example.com": ""}, domain_template="{{.Name}}_x").url(route(), "", local=False)
    with pytest.raises(DomainNameError, match="at least two segments"):
        naming({"example.com": ""}, domain_template="{{.Name}}").url(route(), "", local=False)


def test_digits_are_no_top_level_domain() -> None:
    assert expanded_hosts("hello.42.svc.cluster.local") == [
        "hello.42.svc", "hello.42.svc.cluster.local",
    ]  # fmt: skip


def test_visibility_of_route_and_of_one_tag() -> None:
    found = naming({"example.com": ""})
    assert visibilities(DictView(), route(), found) == {"": "ExternalIP", "v2": "ExternalIP"}
    labels = LOCAL | {"serving.knative.dev/route": "hello"}
    placeholder = make("v1", "Service", "v2-hello", "ns", metadata={"labels": labels})
    view = DictView([placeholder])
    assert visibilities(view, route(), found) == {"": "ExternalIP", "v2": "ClusterLocal"}
    assert set(visibilities(view, route(**LOCAL), found).values()) == {"ClusterLocal"}
    assert set(visibilities(view, route(), naming({})).values()) == {"ClusterLocal"}
