"""The variables that tell of Services."""

from __future__ import annotations

from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.service_links import service_variables


def service(name: str, namespace: str, ip: str, *ports: Object) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"metadata": metadata, "spec": {"clusterIP": ip, "ports": list(ports)}}


API = service("kubernetes", "default", "10.96.0.1", {"name": "https", "port": 443})
WEB = service(
    "my-web", "here", "10.97.0.5", {"port": 80}, {"port": 53, "protocol": "UDP", "name": "dns-x"}
)
OTHERS = [
    service("headless", "here", "None", {"port": 80}),
    service("elsewhere", "there", "10.97.0.6", {"port": 80}),
    {"metadata": {"name": "external", "namespace": "here"}, "spec": {"externalName": "x"}},
]
POD: Object = {"metadata": {"namespace": "here"}, "spec": {}}
OF_API = {
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
    "KUBERNETES_SERVICE_PORT_HTTPS": "443",
    "KUBERNETES_PORT": "tcp://10.96.0.1:443",
    "KUBERNETES_PORT_443_TCP": "tcp://10.96.0.1:443",
    "KUBERNETES_PORT_443_TCP_PROTO": "tcp",
    "KUBERNETES_PORT_443_TCP_PORT": "443",
    "KUBERNETES_PORT_443_TCP_ADDR": "10.96.0.1",
}


def test_services_of_the_namespace_and_the_api() -> None:
    assert service_variables(POD, [API, WEB, *OTHERS]) == OF_API | {
        "MY_WEB_SERVICE_HOST": "10.97.0.5",
        "MY_WEB_SERVICE_PORT": "80",
        "MY_WEB_SERVICE_PORT_DNS_X": "53",
        "MY_WEB_PORT": "tcp://10.97.0.5:80",
        "MY_WEB_PORT_80_TCP": "tcp://10.97.0.5:80",
        "MY_WEB_PORT_80_TCP_PROTO": "tcp",
        "MY_WEB_PORT_80_TCP_PORT": "80",
        "MY_WEB_PORT_80_TCP_ADDR": "10.97.0.5",
        "MY_WEB_PORT_53_UDP": "udp://10.97.0.5:53",
        "MY_WEB_PORT_53_UDP_PROTO": "udp",
        "MY_WEB_PORT_53_UDP_PORT": "53",
        "MY_WEB_PORT_53_UDP_ADDR": "10.97.0.5",
    }


def test_a_pod_that_wants_no_links_still_hears_of_the_api() -> None:
    pod = {"metadata": {"namespace": "here"}, "spec": {"enableServiceLinks": False}}
    assert service_variables(pod, [API, WEB]) == OF_API
