"""Field management as a real cluster does it: a recorded dialogue (tests/data/real/apply)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from knlab._clock import ManualClock
from knlab.embedded.kube.api import Api
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.routes import Routes
from knlab.embedded.kube.subresources import Requester
from knlab.embedded.net.http import Request, whole_body

pytestmark = pytest.mark.anyio
STEPS: Final = Path(__file__).parents[2] / "data" / "real" / "apply" / "steps.jsonl"
AGENT: Final = "probe/1.0 (x)"
MISFIT: Final = "failed to create typed patch object"
"""Kubernetes answers 500; here a client's mistake is a 400."""


class Dialogue:
    """Asks what the recorded client asked, a second after another."""

    def __init__(self, api: Api, clock: ManualClock) -> None:
        self._routes = Routes(api, user=Requester("me"), subresources={}, virtual=())
        self._clock = clock

    async def repeat(self, step: Object) -> Object:
        """What this cluster answers to the request of `step`, in the words of the record."""
        self._clock.advance(1.1)
        given = step["body"]
        body = given.encode() if isinstance(given, str) else orjson.dumps(given)
        headers = [
            (b"Content-Type", step["type"].encode()),
            (b"User-Agent", AGENT.encode()),
            (b"Host", b"127.0.0.1:1"),
        ]
        request = Request(step["method"], step["path"], headers, b"" if given is None else body)
        response = await self._routes.handle(request)
        answer = orjson.loads(await whole_body(response.body))
        warnings = [text.decode() for name, text in response.headers if name == b"warning"]
        found = {"status": response.status} | _seen(answer)
        return found | ({"warnings": warnings} if warnings else {})


def _seen(answer: Object) -> Object:
    if answer["kind"] == "Status":
        causes = (answer.get("details") or {}).get("causes", [])
        ordered = sorted(causes, key=lambda each: orjson.dumps(each, option=orjson.OPT_SORT_KEYS))
        return {"message": answer["message"], "causes": ordered}
    found: dict[str, Any] = {"entries": list(map(_entry, _entries(answer)))}
    if "data" in answer:
        found["data"] = answer["data"]
    if "containers" in str(answer.get("spec")):
        spec = (answer["spec"].get("template") or answer)["spec"]
        found["containers"] = list(map(_container, spec["containers"]))
    return found


def _entries(answer: Object) -> list[Object]:
    entries = answer["metadata"].get("managedFields", [])
    return [each for each in entries if each["manager"] != "kube-controller-manager"]


def _entry(entry: Object) -> Object:
    names = ("manager", "operation", "apiVersion", "subresource", "fieldsV1")
    return {name: entry[name] for name in names if name in entry} | {"timed": "time" in entry}


def _container(container: Object) -> list[Any]:
    return [
        container["name"],
        [each["name"] for each in container.get("env", [])],
        [each["containerPort"] for each in container.get("ports", [])],
    ]


def _record() -> list[Object]:
    return [orjson.loads(line) for line in STEPS.read_text().splitlines()]


async def test_the_same_answers_as_from_a_real_cluster(api: Api) -> None:
    assert isinstance(api.clock, ManualClock)
    dialogue = Dialogue(api, api.clock)
    different: list[str] = []
    for number, step in enumerate(_record(), 1):
        expected = {key: step[key] for key in step.keys() - {"method", "path", "type", "body"}}
        if expected.get("message", "").startswith(MISFIT):
            expected["status"] = 400
        found = await dialogue.repeat(step)
        if found != expected:
            where = f"line {number}: {step['method']} {step['path']}"
            different.append(f"{where}\n  real: {expected}\n  here: {found}")
    if different:
        pytest.fail("\n".join(different))
