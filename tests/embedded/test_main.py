"""The process: exit codes and last words when it cannot start, locks, logs that rotate."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from knlab._exceptions import StateError
from knlab.embedded import __main__ as main


def _run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "knlab.embedded", "--state-dir", str(directory), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_port_in_use_ends_it_with_a_sentence_and_a_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ended = _run(tmp_path / "state", "--gateway-port", str(port))
    assert ended.returncode == 1
    message, remedy = ended.stderr.splitlines()
    assert message.startswith(f"port {port} for the gateway cannot be had")
    assert remedy.strip().startswith("→ choose another with --gateway-port")
    assert not (tmp_path / "state" / "cluster.json").exists()


def test_a_damaged_store_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "FORMAT").write_text("1\n")
    (tmp_path / "store.sqlite").write_bytes(b"no database, only words" * 100)
    ended = _run(tmp_path)
    assert ended.returncode == 1
    assert "store.sqlite is damaged" in ended.stderr
    assert "knlab reset" in ended.stderr
    assert (tmp_path / "store.sqlite").read_bytes().startswith(b"no database")


def test_an_idle_timeout_that_is_none_is_refused(tmp_path: Path) -> None:
    ended = _run(tmp_path / "state", "--idle-timeout", "soon")
    assert ended.returncode == 1
    assert "--idle-timeout='soon' is not a duration" in ended.stderr


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        main._locked(tmp_path),
        pytest.raises(StateError, match="another process runs on") as refused,
        main._locked(tmp_path),
    ):
        pass
    assert "knlab down" in refused.value.hint
    with main._locked(tmp_path):
        pass


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield root
    for handler in set(root.handlers) - set(before[0]):
        handler.close()
    root.handlers[:], root.level = before


def test_the_log_rotates(
    tmp_path: Path, root_logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "LOG_SIZE", 1000)
    main._log_to(tmp_path / "logs")
    for number in range(200):
        root_logger.info("line %d of many that do not fit into one file", number)
    files = {path.name: path.stat().st_size for path in (tmp_path / "logs").iterdir()}
    assert set(files) == {"knlab.log", "knlab.log.1", "knlab.log.2", "knlab.log.3"}
    assert max(files.values()) <= 1000
    assert "line 199" in (tmp_path / "logs" / "knlab.log").read_text()
