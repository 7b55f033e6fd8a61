"""Routes for the data plane: what the control plane computed, in the data plane's words."""

from __future__ import annotations

from knlab.embedded import routing
from knlab.embedded.dataplane.routing_table import Path, RevisionBackends, Split, VirtualHost
from knlab.embedded.serving.routing import HostRoute, PathRoute, RevisionRoute, SplitRoute


def test_hosts_and_headers_are_folded_as_they_are_on_the_wire() -> None:
    split = SplitRoute(
        namespace="default",
        service="hello-00001",
        port=80,
        percent=100,
        append_headers=(("Knative-Serving-Revision", "hello-00001"),),
        addresses=(("127.1.0.7", 8012),),
    )
    path = PathRoute(
        splits=(split,),
        prefix="/",
        headers=(("Knative-Serving-Tag", "old"),),
        append_headers=(("K-Network-Hash", "x"),),
        rewrite_host="other",
    )
    hosts = {"Hello.Default.Example.com": HostRoute(paths=(path,), redirect_to_https=True)}
    assert routing._hosts(hosts) == {
        "hello.default.example.com": VirtualHost(
            paths=(
                Path(
                    splits=(
                        Split(
                            backend="default/hello-00001",
                            addresses=(("127.1.0.7", 8012),),
                            percent=100,
                            append_headers=((b"knative-serving-revision", b"hello-00001"),),
                        ),
                    ),
                    prefix="/",
                    headers=((b"knative-serving-tag", b"old"),),
                    append_headers=((b"k-network-hash", b"x"),),
                    rewrite_host="other",
                ),
            ),
            redirect_to_https=True,
        )
    }


def test_an_activator_gets_everything_it_needs_of_a_revision() -> None:
    route = RevisionRoute(
        container_concurrency=3,
        timeout=300.0,
        response_start_timeout=10.0,
        idle_timeout=5.0,
        protocol="http1",
        ready=(("127.1.0.7", 8012), ("127.1.0.7", 8012)),
        not_ready=(("127.1.0.8", 8012),),
        only_ready=True,
        activators=("127.1.0.2",),
    )
    assert routing._backends(route) == RevisionBackends(
        container_concurrency=3,
        timeout=300.0,
        response_start_timeout=10.0,
        idle_timeout=5.0,
        protocol="http1",
        ready=frozenset({("127.1.0.7", 8012)}),
        not_ready=frozenset({("127.1.0.8", 8012)}),
        only_ready=True,
        activators=("127.1.0.2",),
    )
