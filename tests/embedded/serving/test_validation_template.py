"""Templates of revisions that the webhook refuses: objects in, texts out."""

from __future__ import annotations

import pytest

from knlab.embedded.kube.objects import Object
from tests.embedded.serving.admitted import DNS, T, container, denied, service


@pytest.mark.parametrize(
    ("obj", "text"),
    [
        (service() | {"metadata": {"name": "Hello"}},
         f"not a DNS 1035 label: {DNS}: metadata.name"),
        (service() | {"metadata": {"name": "h" * 64}},
         "not a DNS 1035 label: [must be no more than 63 characters]: metadata.name"),
        (service(template={"name": "foo"}),
         f'invalid value: "foo" must have prefix "hello-": {T}metadata.name'),
        (service(template={"name": "hello-X"}),
         f"invalid value: not a DNS 1035 label: {DNS}: {T}metadata.name"),
        (service(containers=[]), f"missing field(s): {T}spec.containers"),
        (service(containers=[{"name": "a"}]), f"missing field(s): {T}spec.containers[0].image"),
        (container(image="UPPER/case"),
         (f"Failed to parse image reference: {T}spec.containers[0].image\n"
         'image: "UPPER/case", error: could not parse reference: UPPER/case')),
        (container(ports=[{"containerPort": 80}, {"containerPort": 81}]),
         (f"more than one container port is set: {T}spec.containers[*].ports\n"
         "Only a single port is allowed across all containers")),
        (service(containers=[{"image": "aa", "name": "a"}, {"image": "bb", "name": "b"}]),
         f"missing field(s): {T}spec.containers[*].ports"),
        (container(ports=[{"containerPort": 80, "name": "foo"}]),
         (f"Port name foo is not allowed: {T}spec.containers[0].ports\n"
         "Name must be empty, or one of: 'h2c', 'http1'")),
        (container(ports=[{"containerPort": 8012}]),
         (f"invalid value: 8012 is a reserved port: {T}spec.containers[0].ports.containerPort\n"
         "8012 is a reserved port, please use a different value")),
        (container(ports=[{"containerPort": 70000}]),
         f"expected 0 <= 70000 <= 65535: {T}spec.containers[0].ports.containerPort"),
        (container(ports=[{"containerPort": 80, "protocol": "UDP"}]),
         f"invalid value: UDP: {T}spec.containers[0].ports.protocol"),
        (container(ports=[{"containerPort": 80, "hostPort": 80}]),
         f"must not set the field(s): {T}spec.containers[0].ports.hostPort"),
        (container(env=[{"name": "PORT", "value": "1"}]),
         f'"PORT" is a reserved environment variable: {T}spec.containers[0].env[0].name'),
        (container(env=[{"value": "1"}]), f"missing field(s): {T}spec.containers[0].env[0].name"),
        (container(name="queue-proxy"),
         f'"queue-proxy" is a reserved container name: {T}spec.containers[0].name'),
        (container(lifecycle={"preStop": {}}),
         f"must not set the field(s): {T}spec.containers[0].lifecycle"),
        (service(nodeSelector={"a": "b"}), f"must not set the field(s): {T}spec.nodeSelector"),
        (service(initContainers=[{"image": "x"}]),
         ("must not set the field(s): spec.template.spec.initContainers\n"
         "pod spec support for init-containers is off, but found 1 init containers: ")),
        (service(volumes=[{"name": "v", "emptyDir": {}}]),
         f'volume with name "v" not mounted: {T}spec.volumes[0].name'),
        (container(volumeMounts=[{"name": "v", "mountPath": "/x"}]),
         f"volumeMount has no matching volume: {T}spec.containers[0].volumeMounts[0].name"),
        (service(volumes=[{"name": "v", "emptyDir": {}}],
                 containers=[{"image": "x/y", "volumeMounts": [
                     {"name": "v", "mountPath": "/dev/"}]}]),
         f'mountPath "/dev" is a reserved path: {T}spec.containers[0].volumeMounts[0].mountPath'),
        (service(volumes=[{"name": "v", "hostPath": {"path": "/"}}],
                 containers=[{"image": "x/y", "volumeMounts": [{"name": "v", "mountPath": "/x"}]}]),
         ("HostPath volume support is disabled, but found HostPath volume v: \n"
         f"must not set the field(s): {T}spec.volumes[0].hostPath")),
        (container(readinessProbe={"failureThreshold": 3, "httpGet": {"path": "/"}}),
         ("failureThreshold is disallowed when periodSeconds is zero:"
         f" {T}spec.containers[0].readinessProbe.failureThreshold")),
        (container(livenessProbe={"tcpSocket": {"port": "imap"}}),
         (f"invalid value: imap: {T}spec.containers[0].livenessProbe.tcpSocket.port\n"
         "Probe port must match container port")),
        (container(livenessProbe={}),
         (f"expected exactly one, got neither: {T}spec.containers[0].livenessProbe.exec,"
         f" {T}spec.containers[0].livenessProbe.grpc, {T}spec.containers[0].livenessProbe.httpGet,"
         f" {T}spec.containers[0].livenessProbe.tcpSocket")),
        (container(securityContext={"privileged": True}),
         f"must not set the field(s): {T}spec.containers[0].securityContext.privileged"),
        (service(containerConcurrency=2000),
         f"expected 0 <= 2000 <= 1000: {T}spec.containerConcurrency"),
        (service(timeoutSeconds=6000), f"expected 0 <= 6000 <= 600: {T}spec.timeoutSeconds"),
    ],
)  # fmt: skip
def test_templates_that_are_refused(obj: Object, text: str) -> None:
    assert denied(obj) == text


def test_equal_messages_unite_and_different_ones_are_sorted() -> None:
    obj = service(containers=[{"name": "a", "stdin": True, "tty": True, "env": [{"name": "PORT"}]}])
    assert denied(obj).splitlines() == [
        f'"PORT" is a reserved environment variable: {T}spec.containers[0].env[0].name',
        f"missing field(s): {T}spec.containers[0].image",
        f"must not set the field(s): {T}spec.containers[0].stdin, {T}spec.containers[0].tty",
    ]
