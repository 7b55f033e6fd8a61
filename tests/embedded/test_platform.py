"""Parts of the composition root that can be looked at alone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from knlab._clock import ManualClock
from knlab._exceptions import StateError
from knlab._state import Running
from knlab.embedded.builtin.boot import NODE
from knlab.embedded.builtin.kinds import NODES
from knlab.embedded.host import Ports
from knlab.embedded.net.ports import obstacle
from knlab.embedded.platform import Settings, Usage, platform
from tests.factories import NOW


def _mode(path: str) -> int:
    return Path(path).stat().st_mode & 0o777


def test_idleness_is_counted_from_the_last_use() -> None:
    clock = ManualClock()
    usage = Usage(clock)
    clock.advance(5)
    assert usage.idle == 5
    usage.touch()
    assert usage.idle == 0


@pytest.mark.anyio
async def test_a_damaged_store_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"words, not a database" * 100)
    settings = Settings(state_dir=tmp_path, ports=Ports(0, 0))
    with pytest.raises(StateError, match="is damaged") as refused:
        async with platform(settings, ManualClock(NOW)):
            pass
    assert "knlab reset" in refused.value.hint


@pytest.mark.anyio
async def test_it_announces_itself_once_clients_can_connect_and_frees_everything(
    tmp_path: Path,
) -> None:
    announced: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    settings = Settings(state_dir=tmp_path, ports=Ports(0, 0))
    async with platform(settings, ManualClock(NOW)) as cluster:
        run = asyncio.create_task(cluster.run(announced.set_result))
        running = await asyncio.wait_for(announced, 10)
        port = int(running.api.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        node = cluster.api.get(NODES, "", NODE)
        assert {c["type"]: c["status"] for c in node["status"]["conditions"]}["Ready"] == "True"
        run.cancel()
        await asyncio.wait({run}, timeout=10)
        assert run.cancelled()
    assert _mode(running.kubeconfig) == 0o600
    gateway = int(running.gateway.rpartition(":")[2])
    assert obstacle(port) == obstacle(gateway, to_hold=True) == ""
