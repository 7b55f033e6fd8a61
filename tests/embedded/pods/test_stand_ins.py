"""Pods of nginx and busybox: commands, ends, hooks, probes, volumes, the network between them."""

from __future__ import annotations

import pytest

from knlab.embedded.builtin.kinds import CONFIG_MAPS, ENDPOINTS, PODS, SERVICES
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.paths import Parameters
from tests.embedded.pods.conftest import HELLO, Cluster, MakePod

pytestmark = pytest.mark.anyio

BUSYBOX = "busybox:1.36"


def shell(script: str, **more: object) -> Object:
    return {"command": ["sh", "-c", script], "ports": [], **more}


async def ended(cluster: Cluster, name: str) -> Object:
    """The `terminated` state of a pod's container, once it has ended."""
    await cluster.until(lambda: cluster.state(name).get("terminated"))
    found: Object = cluster.state(name)["terminated"]
    return found


@pytest.mark.parametrize(
    ("container", "code", "printed"),
    [
        ({}, 0, ""),
        ({"command": ["echo", "a", "$(WHO)"]}, 0, "a me\n"),
        ({"args": ["echo", "$$(WHO)", "$(NO)"]}, 0, "$(WHO) $(NO)\n"),
        ({"command": ["sh", "-c"], "args": ["echo $0 $WHO; exit 4", "x"]}, 4, "x me\n"),
        ({"command": ["sh", "-c", "kill -9 $$$$; exit 1"]}, 1, ""),
        ({"command": ["/bin/sh", "-c", "sh -c 'kill -9 $$$$'"]}, 137, ""),
        ({"command": ["pwd"], "workingDir": "/made/up"}, 0, "/made/up\n"),
    ],
)
async def test_commands_and_arguments(
    cluster: Cluster, make: MakePod, container: Object, code: int, printed: str
) -> None:
    env = {"env": [{"name": "WHO", "value": "me"}], "ports": []}
    async with cluster.kubelet():
        cluster.create(make("once", BUSYBOX, container=env | container, restartPolicy="Never"))
        found = await ended(cluster, "once")
        assert (found["exitCode"], await cluster.log("once")) == (code, printed)
        assert found["reason"] == ("Error" if code else "Completed")
        await cluster.until(
            lambda: cluster.status("once")["phase"] == ("Failed" if code else "Succeeded")
        )


async def test_a_command_that_the_image_has_not(cluster: Cluster, make: MakePod) -> None:
    container = {"command": ["python3", "-c", "print()"]}
    async with cluster.kubelet():
        cluster.create(make("bad", BUSYBOX, container=container, restartPolicy="Never"))
        found = await ended(cluster, "bad")
    assert (found["exitCode"], found["reason"]) == (128, "StartError")
    assert 'exec: "python3": executable file not found in $PATH: unknown' in found["message"]


async def test_a_termination_message(cluster: Cluster, make: MakePod) -> None:
    container = shell("echo why > /dev/termination-log; exit 3")
    async with cluster.kubelet():
        cluster.create(make("said", BUSYBOX, container=container, restartPolicy="Never"))
        assert (await ended(cluster, "said"))["message"] == "why\n"


async def test_files_are_new_after_a_restart(cluster: Cluster, make: MakePod) -> None:
    script = "ls /tmp /data; touch /tmp/x /data/y; [ -e /data/end ] || { touch /data/end; exit 1; }"
    container = shell(script, volumeMounts=[{"name": "v", "mountPath": "/data"}])
    async with cluster.kubelet():
        pod = make("again", BUSYBOX, container=container, restartPolicy="OnFailure")
        pod["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
        cluster.create(pod)
        await cluster.until(lambda: cluster.status("again").get("phase") == "Succeeded")
        assert cluster.container("again")["restartCount"] == 1
        assert await cluster.log("again") == "/tmp:\n\n/data:\nend\ny\n"


async def test_nginx_serves_its_volume_at_port_80(cluster: Cluster, make: MakePod) -> None:
    cluster.api.create(
        CONFIG_MAPS,
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "page", "namespace": "default"},
            "data": {"index.html": "from a ConfigMap\n"},
        },
    )
    container = {
        "ports": [],
        "volumeMounts": [{"name": "page", "mountPath": "/usr/share/nginx/html"}],
        "readinessProbe": {
            "exec": {"command": ["curl", "-sf", "localhost/index.html"]},
            "periodSeconds": 1,
        },
    }
    volumes = [{"name": "page", "configMap": {"name": "page"}}]
    async with cluster.kubelet():
        cluster.create(make("web", "nginx:1.27", container=container, volumes=volumes))
        pod = await cluster.until_ready("web")
        cluster.api.create(SERVICES, service("web", pod["status"]["podIP"]))
        cluster.api.create(ENDPOINTS, endpoints("web", pod["status"]["podIP"]))
        script = "wget -qO- web; wget -qO- http://web.default.svc/none; nc -z web 81"
        cluster.create(make("asks", BUSYBOX, container=shell(script), restartPolicy="Never"))
        assert (await ended(cluster, "asks"))["exitCode"] == 1
        assert await cluster.log("asks") == (
            "from a ConfigMap\nwget: server returned error: HTTP/1.1 404 Not Found\n"
            "nc: web (10.96.7.7:81): Connection refused\n"
        )
        log = await cluster.log("web")
    assert '"GET / HTTP/1.1" 200 17 "-" "Wget" "-"' in log
    assert '"GET /none HTTP/1.1" 404' in log


def service(name: str, _ip: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"clusterIP": "10.96.7.7", "ports": [{"port": 80}]},
    }


def endpoints(name: str, ip: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": name, "namespace": "default"},
        "subsets": [{"addresses": [{"ip": ip}], "ports": [{"port": 80}]}],
    }


@pytest.mark.parametrize(
    "script",
    ["wget -T 5 -qO- http://example.com", "wget -T 5 -qO- http://127.0.0.2",
     "nc -w 5 -z 192.0.2.1 80", "nslookup localhost.localdomain"],
)  # fmt: skip
async def test_nothing_but_the_cluster_can_be_reached(
    cluster: Cluster, make: MakePod, script: str
) -> None:
    async with cluster.kubelet():
        cluster.create(make("asks", BUSYBOX, container=shell(script), restartPolicy="Never"))
        assert (await ended(cluster, "asks"))["exitCode"] == 1


async def test_hooks_and_the_first_process(cluster: Cluster, make: MakePod) -> None:
    hooks = {
        "postStart": {"exec": {"command": ["sh", "-c", "sleep 0.2; echo post > /data/post"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo pre; echo end > /data/pre"]}},
    }
    script = "trap 'cat /data/*; exit 0' TERM; echo up; while true; do sleep 0.05; done"
    mounts = [{"name": "v", "mountPath": "/data"}]
    container = shell(script, lifecycle=hooks, volumeMounts=mounts)
    async with cluster.kubelet():
        pod = make("hooked", BUSYBOX, container=container)
        pod["spec"]["volumes"] = [{"name": "v", "emptyDir": {}}]
        cluster.create(pod)
        await cluster.until_ready("hooked")
        follow = cluster.logs.read("default", "hooked", Parameters("follow=true"))
        pieces = [await anext(follow)]
        cluster.api.delete(PODS, "default", "hooked", {})
        pieces += [piece async for piece in follow]
        await cluster.until_gone("hooked")
    assert b"".join(pieces) == b"up\npost\nend\n"


async def test_a_post_start_hook_that_fails(cluster: Cluster, make: MakePod) -> None:
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "echo no; exit 3"]}}}
    container = {"command": ["sleep", "60"], "lifecycle": hook}
    async with cluster.kubelet():
        pod = make("bad", BUSYBOX, container=container, terminationGracePeriodSeconds=0)
        cluster.create(pod)
        await cluster.until(
            lambda: cluster.state("bad").get("waiting", {}).get("reason") == "PostStartHookError"
        )
        message = cluster.state("bad")["waiting"]["message"]
        events = cluster.events("bad")
    assert message.startswith("Exec lifecycle hook ([sh -c echo no; exit 3]) for Container")
    assert message.endswith(
        "failed - error: command 'sh -c echo no; exit 3' exited with 3: no\n, message: \"no\\n\""
    )
    assert "FailedPostStartHook: PostStartHook failed" in events
    assert "Killing: FailedPostStartHook" in events


async def test_a_liveness_command_that_fails(cluster: Cluster, make: MakePod) -> None:
    probe = {
        "exec": {"command": ["cat", "/tmp/up"]},
        "initialDelaySeconds": 1,
        "periodSeconds": 1,
        "failureThreshold": 1,
    }
    script = "trap 'exit 0' TERM; while true; do sleep 0.05; done"
    async with cluster.kubelet():
        cluster.create(make("ill", BUSYBOX, container=shell(script, livenessProbe=probe)))
        await cluster.until(lambda: cluster.container("ill").get("restartCount"))
        events = cluster.events("ill")
    failed = "cat: can't open '/tmp/up': No such file or directory\n"
    assert f"Unhealthy: Liveness probe failed: {failed}" in events
    assert "Killing: Container main failed liveness probe, will be restarted" in events


async def test_a_program_of_the_course_has_commands_for_exec_only(
    cluster: Cluster, make: MakePod
) -> None:
    probe = {"exec": {"command": ["grep", "hello-1", "/etc/hostname"]}}
    container = {"readinessProbe": probe, "env": [{"name": "PORT", "value": "8080"}]}
    async with cluster.kubelet():
        cluster.create(make("hello-1", HELLO, container=container))
        await cluster.until_ready("hello-1")


async def test_mounts_in_mounts(cluster: Cluster, make: MakePod) -> None:
    metadata = {"name": "page", "namespace": "default"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}
    cluster.api.create(CONFIG_MAPS, config)
    volumes = [{"name": "page", "configMap": {"name": "page"}}, {"name": "data", "emptyDir": {}}]
    mounts = [
        {"name": "page", "mountPath": "/data/etc/conf"},
        {"name": "data", "mountPath": "/data/"},
        {"name": "data", "mountPath": "/data/etc/conf/a", "subPath": "own"},
    ]
    script = "ls /data /data/etc /data/etc/conf; ls -ld /data /data/etc/conf | cut -c1-10"
    container = shell(script, volumeMounts=mounts)
    async with cluster.kubelet():
        pod = make("nested", BUSYBOX, container=container, volumes=volumes, restartPolicy="Never")
        cluster.create(pod)
        assert (await ended(cluster, "nested"))["exitCode"] == 0
        assert await cluster.log("nested") == (
            "/data:\netc\nown\n\n/data/etc:\nconf\n\n/data/etc/conf:\na\ndrwxrwxrwx\ndrwxrwxrwx\n"
        )


@pytest.mark.parametrize(
    ("container", "why"),
    [
        ({"workingDir": "rel"}, "runc create failed: Cwd must be an absolute path: unknown"),
        ({"volumeMounts": [
            {"name": "page", "mountPath": "/c"}, {"name": "page", "mountPath": "/c/b/d"}]},
         'error mounting to "/c/b": Read-only file system: unknown'),
    ],
    ids=["relative", "read-only"],
)  # fmt: skip
async def test_a_container_that_cannot_be_made(
    cluster: Cluster, make: MakePod, container: Object, why: str
) -> None:
    metadata = {"name": "page", "namespace": "default"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}
    cluster.api.create(CONFIG_MAPS, config)
    volumes = [{"name": "page", "configMap": {"name": "page"}}]
    made = shell("true", **container)
    async with cluster.kubelet():
        pod = make("bad", BUSYBOX, container=made, volumes=volumes, restartPolicy="Never")
        cluster.create(pod)
        found = await ended(cluster, "bad")
    assert (found["exitCode"], found["reason"]) == (128, "StartError")
    assert found["message"].endswith(why)
