"""Which variables of a Pod reach a program of the machine."""

from __future__ import annotations

from typing import Any

import pytest

from knlab.embedded.pods.loading import harmless

Cluster = Any
MakePod = Any


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "GCONV_PATH",
        "OPENSSL_CONF", "PYTHONPATH", "PYTHONSTARTUP", "BASH_ENV", "ENV", "NODE_OPTIONS",
        "PERL5LIB", "RUBYOPT", "JAVA_TOOL_OPTIONS", "GLIBC_TUNABLES", "PATH",
    ],
)  # fmt: skip
def test_what_says_which_code_to_load_is_left_out(name: str) -> None:
    assert harmless({name: "x", "TARGET": "y"}) == {"TARGET": "y"}


@pytest.mark.parametrize(
    "name", ["TARGET", "PORT", "LANG", "LC_ALL", "PYTHONUNBUFFERED", "ENVIRONMENT", "MY_LD_PRELOAD"]
)
def test_the_rest_stays(name: str) -> None:
    assert harmless({name: "x"}) == {name: "x"}


@pytest.mark.anyio
async def test_a_registered_program_gets_none_of_them(cluster: Cluster, make: MakePod) -> None:
    script = 'echo "$LD_PRELOAD|$BASH_ENV|$PYTHONPATH|$WHO"; echo $PATH; sleep 60'
    variables = {
        "LD_PRELOAD": "/made/up.so", "BASH_ENV": "/made/up", "PYTHONPATH": "/tmp", "WHO": "me",
        "PATH": "/made/up",
    }  # fmt: skip
    env = {"env": [{"name": name, "value": value} for name, value in variables.items()]}
    async with cluster.kubelet():
        cluster.create(make("own", cluster.shell("own", script), container=env))
        assert await cluster.first_line("own") == "|||me"
        lines = (await cluster.log("own")).splitlines()
    assert all("/made/up" not in line for line in lines), lines
