"""Load runs with a real generator process against a real server."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from dataclasses import asdict

import numpy as np
import pytest

from knlab._exceptions import UsageError
from knlab.measure.addresses import target
from knlab.measure.columns import ErrorClass
from knlab.measure.load import Progress, assignment_of, run_load, wire_request
from knlab.measure.records import LoadRecord, Workload
from knlab.measure.stats import summarize


def run(server: str, path: str = "/", **settings: object) -> LoadRecord:
    chosen = {"duration": None, "requests": 40, "concurrency": 4, "timeout": 5.0} | settings
    return run_load(Workload(url=f"http://{server}{path}", **chosen))  # type: ignore[arg-type]


def test_every_request_is_recorded_once(server: str) -> None:
    record = run(server)
    rows = record.requests
    assert len(rows) == 40
    assert rows.succeeded.all()
    assert set(rows.status.tolist()) == {200}
    assert set(rows.bytes.tolist()) == {len(f"GET / at {server}\n")}
    assert len(set(rows.connection.tolist())) == 4
    assert record.fingerprint is not None
    assert not record.interrupted


def test_instants_of_a_request_follow_each_other(server: str) -> None:
    rows = run(server, "/slow?=0.01").requests
    assert (rows.intended_start <= rows.start).all()
    assert (rows.sent <= rows.first_byte).all()
    assert (rows.first_byte <= rows.end).all()
    assert (rows.first_byte - rows.sent >= 0.009).all()  # timers count in milliseconds


def test_only_the_first_request_of_a_connection_connects(server: str) -> None:
    rows = run(server).requests
    assert (rows.connect > 0).sum() == 4
    closed = run(server, keep_alive=False).requests
    assert (closed.connect > 0).all()
    assert len(set(closed.connection.tolist())) == 40


def test_a_user_waits_for_its_answer_before_it_asks_again(server: str) -> None:
    rows = run(server, concurrency=2).requests
    for connection in set(rows.connection.tolist()):
        mine = rows.connection == connection
        assert (rows.start[mine][1:] >= rows.end[mine][:-1]).all()


def test_a_run_ends_at_its_deadline(server: str) -> None:
    record = run(server, "/slow?=0.02", requests=None, duration=0.3)
    assert 0.3 <= record.elapsed < 1.0
    assert record.requests.start.max() < 0.3
    assert record.client.cpu_share > 0


def test_warm_up_is_recorded_apart(server: str) -> None:
    record = run(server, "/slow?=0.02", requests=None, duration=0.2, warm_up=0.2)
    rows = record.requests
    assert (rows.start < 0).sum() >= 4
    assert summarize(record).requests == (rows.start >= 0).sum()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/cut", ErrorClass.RESET, id="ended before the answer did"),
        pytest.param("/garbage", ErrorClass.MALFORMED, id="not HTTP"),
        pytest.param("/missing", ErrorClass.STATUS, id="404"),
        pytest.param("/chunked", ErrorClass.NONE, id="chunked"),
        pytest.param("/interim", ErrorClass.NONE, id="an interim answer first"),
        pytest.param("/unframed", ErrorClass.NONE, id="the body ends with the connection"),
    ],
)
def test_each_answer_has_its_class(server: str, path: str, expected: ErrorClass) -> None:
    rows = run(server, path, requests=6, concurrency=2).requests
    assert rows.error.tolist() == [expected] * 6


def test_head_has_no_body(server: str) -> None:
    rows = run(server, "/head", requests=6, concurrency=2, method="HEAD").requests
    assert rows.succeeded.all()
    assert rows.bytes.sum() == 0


def test_a_request_that_takes_too_long_is_a_timeout(server: str) -> None:
    rows = run(server, "/hang", requests=2, concurrency=2, timeout=0.2).requests
    assert rows.error.tolist() == [ErrorClass.TIMEOUT] * 2
    assert ((rows.end - rows.start) < 1).all()
    assert np.isnan(rows.first_byte).all()


def test_nobody_listening_is_counted_not_raised() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        record = run(f"127.0.0.1:{unused.getsockname()[1]}", requests=5, concurrency=1)
    assert summarize(record).errors == (("refused", 5),)
    assert summarize(record).requests == 0


def test_an_unknown_name_is_counted_not_raised() -> None:
    record = run("nosuch.invalid", requests=2, concurrency=1)
    assert summarize(record).errors == (("dns", 2),)


def test_a_port_without_tls_is_counted_as_tls(server: str) -> None:
    workload = Workload(url=f"https://{server}", requests=2, duration=None, concurrency=1)
    assert summarize(run_load(workload)).errors == (("tls", 2),)


def test_progress_is_told_while_the_run_goes_on(server: str) -> None:
    told: list[Progress] = []
    workload = Workload(url=f"http://{server}/slow?=0.02", duration=0.7, concurrency=2)
    record = run_load(workload, on_progress=told.append)
    assert told
    assert told[-1].requests <= len(record.requests)
    assert told[-1].at > 0


def test_an_interrupt_ends_the_run_and_keeps_what_there_is(server: str) -> None:
    # A process of its own, since an interrupt here would end the test run.
    script = f"""
        from knlab.measure.load import run_load
        from knlab.measure.records import Workload
        started = lambda progress: print("started", flush=True)
        work = Workload(url="http://{server}/slow?=0.02", duration=60, concurrency=2)
        record = run_load(work, on_progress=started)
        print("kept", record.interrupted, len(record.requests) > 2, record.elapsed < 50)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read().splitlines()
    assert rest[-1] == "kept True True True"
    assert process.returncode == 0


def test_a_generator_whose_parent_is_gone_ends_without_a_word(server: str) -> None:
    workload = Workload(url=f"http://{server}/slow?=0.02", duration=60, concurrency=2)
    asked = assignment_of(workload, target(workload.url))
    with subprocess.Popen(
        [sys.executable, "-m", "knlab.measure.generator"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(asdict(asked)).encode() + b"\n")
        process.stdin.flush()
        assert b'"at"' in process.stdout.readline()
        process.stdout.close()
        process.stdin.close()
        assert process.wait(10) == 1
        assert process.stderr.read() == b""


def test_no_thread_and_no_process_is_left(server: str) -> None:
    before = threading.active_count()
    run(server)
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"concurrency": 0}, "concurrency=0"),
        ({"requests": 0}, "requests=0"),
        ({"duration": None, "requests": None}, "no end"),
        ({"duration": 0.0}, "duration=0"),
        ({"timeout": 0.0}, "timeout=0"),
        ({"method": "BREW"}, "method='BREW'"),
        ({"headers": (("x", "a\r\nb: c"),)}, "cannot be sent"),
        ({"url": "hello"}, "not an http"),
    ],
)
def test_a_workload_that_cannot_work_is_refused(settings: dict[str, object], named: str) -> None:
    asked = {"url": "http://127.0.0.1:1", "duration": 1.0} | settings
    with pytest.raises(UsageError, match=named):
        run_load(Workload(**asked))  # type: ignore[arg-type]


def test_the_bytes_of_a_request_are_those_that_were_asked_for() -> None:
    workload = Workload(
        url="http://a.example/x?y=1", method="post", body=b"hi", keep_alive=False,
        headers=(("Host", "b.example"), ("X-A", "1")),
    )  # fmt: skip
    sent = wire_request(workload, target(workload.url))
    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /x?y=1 HTTP/1.1"
    assert {b"host: b.example", b"content-length: 2", b"connection: close", b"x-a: 1"} <= set(
        head.split(b"\r\n")
    )
    assert body == b"hi"
