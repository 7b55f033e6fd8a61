"""Commands about the container and its processes: date, env, hostname, id, kill, ps, sleep …"""

from __future__ import annotations

import os
import signal
import time
from functools import partial

from knlab.embedded.programs.box import names, tools
from knlab.embedded.programs.box.jobs import Jobs
from knlab.embedded.programs.box.options import read_options
from knlab.embedded.programs.box.traps import signal_number
from knlab.embedded.programs.box.world import Failure, World, decoded, pieces_of, put

_NOT_FOUND = 127
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def busybox(world: World, argv: list[str]) -> int:
    """Run the command that the arguments name, or list those that there are."""
    if not argv[1:]:
        listed = ", ".join(sorted(names.FAMILIES["busybox"]))
        put(f"A stand-in for BusyBox that has these commands:\n\n\t{listed}\n")
        return 0
    if not names.is_known(argv[1], world.image):
        raise Failure(f"{argv[1]}: applet not found", _NOT_FOUND)
    return tools.run(world, argv[1:])


def clear(_world: World, _argv: list[str]) -> int:
    """Clear the terminal."""
    put("\x1b[H\x1b[J")
    return 0


def true(_world: World, _argv: list[str]) -> int:
    """Succeed."""
    return 0


def false(_world: World, _argv: list[str]) -> int:
    """Fail."""
    return 1


def pwd(world: World, _argv: list[str]) -> int:
    """Print the directory that relative paths begin at."""
    put(f"{world.files.folder}\n")
    return 0


def seconds(text: str) -> float:
    """The seconds that `text` (with one of the suffixes s, m, h, d) says.

    Raises:
        Failure: if it says none.
    """
    number, unit = (text[:-1], _UNITS[text[-1:]]) if text[-1:] in _UNITS else (text, 1)
    try:
        found = float(number) * unit
    except ValueError:
        found = -1.0
    if not found >= 0:
        raise Failure(f"invalid number '{text}'")
    return found


def sleep(_world: World, argv: list[str]) -> int:
    """Wait."""
    if not argv[1:]:
        raise Failure("usage: sleep [N]...")
    _sleep(sum(map(seconds, argv[1:])))
    return 0


def usleep(_world: World, argv: list[str]) -> int:
    """Wait for so many microseconds."""
    _sleep(seconds("".join(argv[1:2])) / 1_000_000)
    return 0


def _sleep(duration: float) -> None:
    end = time.monotonic() + duration
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 86400.0))


def env(world: World, argv: list[str]) -> int:
    """Print the variables, or run a command with others."""
    words = argv[1:]
    if words[:1] in (["-i"], ["-"]):
        words, world.env = words[1:], {}
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        world.env[name] = value
    if words:
        return _run(world, words)
    put("".join(f"{name}={value}\n" for name, value in world.env.items()))
    return 0


def _run(world: World, argv: list[str]) -> int:
    if not names.is_known(argv[0], world.image):
        raise Failure(f"can't execute '{argv[0]}': No such file or directory", _NOT_FOUND)
    return tools.run(world, argv)


def printenv(world: World, argv: list[str]) -> int:
    """Print the variables, or the values of some."""
    if not argv[1:]:
        return env(world, argv[:1])
    found = [world.env[name] for name in argv[1:] if name in world.env]
    put("".join(f"{value}\n" for value in found))
    return int(len(found) < len(argv[1:]))


def hostname(world: World, argv: list[str]) -> int:
    """Print the pod's name; `-i` its address."""
    options = read_options(argv, "isfd")
    if options.rest:
        raise Failure("sethostname: Operation not permitted")
    put(f"{world.ip if options.has('i') else world.hostname}\n")
    return 0


def whoami(_world: World, _argv: list[str]) -> int:
    """Print who we are in the container."""
    put("root\n")
    return 0


def id(_world: World, argv: list[str]) -> int:  # noqa: A001 - the command's name
    """Print who we are in the container."""
    options = read_options(argv, "ugn")
    number = "root" if options.has("n") else "0"
    put(f"{number}\n" if options.has("u", "g") else "uid=0(root) gid=0(root) groups=0(root)\n")
    return 0


def date(_world: World, argv: list[str]) -> int:
    """Print the time: `+FORMAT`, `-I[seconds]`, `-d @SECONDS`; always in UTC."""
    options = read_options([word for word in argv if not word.startswith("-I")], "uR", "d")
    now = time.clock_gettime(time.CLOCK_REALTIME)
    if "d" in options.values:
        text = options.values["d"]
        if not text.startswith("@") or not text[1:].isdigit():
            raise Failure(f"invalid date '{text}'")
        now = float(text[1:])
    form = "%a %b %e %H:%M:%S UTC %Y"
    for word in (*argv[1:], *options.rest):
        if word.startswith("+"):
            form = word[1:]
        elif word.startswith("-I"):
            form = "%Y-%m-%d" if word == "-I" else "%Y-%m-%dT%H:%M:%S+00:00"
    if options.has("R"):
        form = "%a, %d %b %Y %H:%M:%S +0000"
    own = {"%s": str(int(now)), "%N": f"{int(now % 1 * 1e9):09}", "%Z": "UTC", "%z": "+0000"}
    for code, value in own.items():
        form = form.replace(code, value)
    put(f"{time.strftime(form, time.gmtime(now))}\n")
    return 0


def uname(world: World, argv: list[str]) -> int:
    """Print the system's name; `-a` all that is known of it."""
    options = read_options(argv, "asnrvmpio")
    system = os.uname()
    parts = {
        "s": system.sysname, "n": world.hostname, "r": system.release, "v": system.version,
        "m": system.machine, "o": "GNU/Linux" if system.sysname == "Linux" else system.sysname,
    }  # fmt: skip
    chosen = [value for key, value in parts.items() if options.has("a", key)]
    put(f"{' '.join(chosen or [system.sysname])}\n")
    return 0


def which(world: World, argv: list[str]) -> int:
    """Print where commands are."""
    known = [name for name in argv[1:] if names.is_known(name, world.image)]
    put("".join(f"/bin/{names.bare(name)}\n" for name in known))
    return int(len(known) < len(argv[1:]))


def ps(world: World, _argv: list[str]) -> int:
    """List the container's processes."""
    put("PID   USER     TIME  COMMAND\n")
    for process in world.processes.all():
        command = " ".join(process.command.split("\n"))
        put(f"{process.pid:5} root      0:00 {command}\n")
    return 0


def kill(world: World, argv: list[str]) -> int:
    """Send a signal to processes of the container: `kill [-SIGNAL] NUMBER…`; `-l` lists signals."""
    words = argv[1:]
    if words == ["-l"]:
        put("".join(f"{int(one):2}) {one.name[3:]}\n" for one in signal.Signals))
        return 0
    number: int | None = signal.SIGTERM
    if words[:1] == ["-s"]:
        number, words = signal_number("".join(words[1:2])), words[2:]
    elif words and words[0][:1] == "-" and words[0] != "--":
        number, words = signal_number(words[0][1:]), words[1:]
    if number is None:
        raise Failure(f"bad signal name '{argv[1].lstrip('-')}'")
    if not words:
        raise Failure("you need to specify whom to kill")
    for word in words:
        _send(world, word, number)
    return 0


def _send(world: World, word: str, number: int) -> None:
    if not word.isdigit():
        raise Failure(f"invalid number '{word}'")
    process = world.processes.find(int(word))
    if process is None:
        raise Failure(f"can't kill pid {word}: No such process")
    if process.pid == 1 and number in {signal.SIGKILL, signal.SIGSTOP}:
        return  # as the kernel has it: not from inside the container
    os.kill(process.host_pid, number)


def timeout(world: World, argv: list[str]) -> int:
    """Run a command, and end it when its time is up: `timeout SECONDS COMMAND…`."""
    words = argv[1:]
    number = signal.SIGTERM
    if words[:1] == ["-s"]:
        number, words = signal.Signals(signal_number("".join(words[1:2])) or 15), words[2:]
    if not words[1:]:
        raise Failure("usage: timeout [-s SIG] SECS PROG ARGS")
    jobs = Jobs(world)
    pid, _ = jobs.fork(lambda: _run(world, words[1:]), " ".join(words[1:]))

    def ring(*_: object) -> None:
        os.kill(pid, number)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds(words[0])))
    return jobs.wait(pid)


def xargs(world: World, argv: list[str]) -> int:
    """Run a command with the words of standard input: `xargs [-n N] COMMAND…`."""
    words = argv[1:]
    most = 0
    if words[:1] == ["-n"]:
        most, words = int(words[1]) if words[1:2] and words[1].isdigit() else 0, words[2:]
    given = decoded(b"".join(pieces_of(world, "-"))).split()
    groups = [given[at : at + most] for at in range(0, len(given), most)] if most else [given]
    jobs = Jobs(world)
    status = 0
    for group in groups:
        command = [*(words or ["echo"]), *group]
        status = max(status, jobs.run(partial(_run, world, command), " ".join(command)))
    return status
