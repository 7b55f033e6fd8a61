"""course and lab: run all lessons, or open them."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from knlab._exceptions import UsageError
from knlab.cli.cluster_verbs import port_number
from knlab.pace import pace_named

if TYPE_CHECKING:
    Verbs: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]


def add_verbs(verbs: Verbs) -> None:
    """Add this group to the parser."""
    text = "run the lessons on a fresh embedded cluster and write a report"
    course = verbs.add_parser("course", help=text, description=text[0].upper() + text[1:] + ".")
    course.add_argument(
        "notebooks",
        nargs="*",
        type=Path,
        metavar="NOTEBOOK",
        help="your own instead of the lessons",
    )
    course.add_argument(
        "--lesson", action="append", default=[], metavar="N", help="only this one; repeatable"
    )
    course.add_argument(
        "--output", type=Path, default=Path("build/course"), metavar="DIR", help="build/course"
    )
    course.add_argument("--pace", choices=("quick", "article"), help="default: KNLAB_PACE or quick")
    course.set_defaults(run=_course)
    text = "open the lessons in JupyterLab"
    lab = verbs.add_parser("lab", help=text, description=text[0].upper() + text[1:] + ".")
    lab.add_argument("--directory", type=Path, metavar="DIR", help="where to put the lessons")
    lab.add_argument("--port", type=port_number, default=8888, metavar="N", help="default: 8888")
    lab.add_argument("--no-browser", action="store_true", help="print the address instead")
    lab.set_defaults(run=_lab)


def _course(chosen: argparse.Namespace) -> int:
    from knlab.report.course import run_course  # noqa: PLC0415 - loads nbconvert
    from knlab.report.lessons import lessons_at, lessons_named  # noqa: PLC0415

    pace = chosen.pace or os.environ.get("KNLAB_PACE") or "quick"
    pace_named(pace)
    cluster = os.environ.get("KNLAB_CLUSTER") or "embedded"
    own = chosen.notebooks
    lessons = lessons_at(own) if own else lessons_named(chosen.lesson)
    many = "1 lesson" if len(lessons) == 1 else f"{len(lessons)} lessons"
    print(f"{many} at {pace} pace on cluster {cluster!r}", flush=True)
    began = time.monotonic()
    page = run_course(lessons, chosen.output, pace=pace, cluster=cluster)
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    print(f"all of it took {minutes}:{seconds:02}; open {page}")
    return 0


def _lab(chosen: argparse.Namespace) -> int:
    from knlab.report.lessons import copy_lessons, lesson_directory  # noqa: PLC0415

    program = Path(sys.executable).parent / "jupyter-lab"
    if not program.exists():
        raise UsageError("JupyterLab is not installed", hint="pip install jupyterlab")
    _check_port(chosen.port)
    packaged = lesson_directory()
    in_clone = (packaged.parent / "pyproject.toml").exists()
    directory = chosen.directory or (packaged if in_clone else copy_lessons(Path("knlab-lessons")))
    print("The embedded cluster starts with the first lesson and goes on when JupyterLab ends.")
    print(f"Stop it with: {Path(sys.executable).parent / 'knlab'} down", flush=True)
    command = [str(program), "--ServerApp.root_dir", str(directory.absolute())]
    command += ["--port", str(chosen.port), "--ServerApp.port_retries=0"]
    command += ["--no-browser"] if chosen.no_browser else []
    command += [] if os.geteuid() else ["--allow-root"]  # as in containers; loopback only
    os.execv(program, command)  # signals and the terminal are JupyterLab's from now on


def _check_port(port: int) -> None:
    import socket  # noqa: PLC0415 - nobody else needs it

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(
                f"port {port} for JupyterLab: {error.strerror}",
                hint=f"choose another: knlab lab --port {port + 1 if port < 65535 else 8888}",
            ) from error
