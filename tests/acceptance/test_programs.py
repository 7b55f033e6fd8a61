"""Programs of the user's own, and pods as programs of the host see them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import knlab
from knlab.cluster.cluster import Cluster
from knlab.cluster.service import Service
from tests.acceptance.conftest import Command

Deploy = Callable[..., Service]
PROGRAM = """\
import os
from aiohttp import web, WSMsgType

async def hello(request):
    return web.Response(text=f"mine says {os.environ['WORD']}")

async def echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(f"echo {message.data}")
    return socket

app = web.Application()
app.add_routes([web.get("/", hello), web.get("/ws", echo)])
print("mine starts", flush=True)
web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
"""


@pytest.fixture(scope="module")
def image(shared: Command, tmp_path_factory: pytest.TempPathFactory) -> str:
    script: Path = tmp_path_factory.mktemp("program") / "mine.py"
    script.write_text(PROGRAM)
    added = shared("image", "add", "dev.local/mine", "--", sys.executable, str(script))
    assert added.returncode == 0, added.stderr
    assert added.stdout.startswith("dev.local/mine:latest runs ")
    assert "dev.local/mine:latest" in shared("image", "list").stdout
    return "dev.local/mine"


def test_a_program_of_the_users_own_is_an_image(
    image: str, deploy: Deploy, cluster: Cluster
) -> None:
    mine = deploy(image=image, env={"WORD": "hello"})
    mine.wait_ready()
    assert knlab.request(mine.url).text == "mine says hello"
    (pod,) = mine.pods()
    assert "mine starts" in cluster.logs(pod["metadata"]["name"], container="user-container")


def test_a_pod_is_reachable_at_its_address_from_the_host(image: str, deploy: Deploy) -> None:
    services = [deploy("-a"), deploy("-b", image=image, env={"WORD": "direct"})]
    for service, words in zip(services, ("Hello World!", "mine says direct"), strict=True):
        service.wait_ready()
        (pod,) = service.pods()
        place = pod["metadata"]["annotations"]["knlab.dev/address"]
        answer = knlab.request(f"http://{place}/")
        assert answer.text.strip() == words
        assert pod["spec"]["containers"][0]["ports"][0]["containerPort"] == 8080
        if sys.platform == "linux":
            assert pod["status"]["podIP"].startswith("127.")


def test_a_websocket_passes_through_the_gateway(
    image: str, deploy: Deploy, cluster: Cluster
) -> None:
    mine = deploy(image=image, env={"WORD": "x"})
    mine.wait_ready()
    host = mine.url.removeprefix("http://")

    async def talk() -> list[Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{cluster.gateway}/ws", headers={"Host": host}) as socket,
        ):
            heard = []
            for word in ("one", "two"):
                await socket.send_str(word)
                heard.append(await socket.receive_str(timeout=10))
            return heard

    assert asyncio.run(talk()) == ["echo one", "echo two"]
