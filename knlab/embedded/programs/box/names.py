"""The names of the box's commands, by the image that has them. Nothing else is imported with it."""

from __future__ import annotations

FIRST, LATER, ON_TERMINAL = "first", "later", "on-terminal"
"""What a process of the box may be: the container's first, executed, or that with a terminal."""
ROOT = "root"
"""The directory that plays `/`, in the container's own."""
PIDS = "pids"
"""The directory where the container's processes have their numbers, beside it."""

TOOLS = frozenset({
    "[", "basename", "cat", "clear", "cp", "cut", "date", "dirname", "echo", "env", "false", "find",
    "grep", "head", "hostname", "id", "kill", "ln", "ls", "mkdir", "mv", "nc", "nslookup",
    "printenv", "printf", "ps", "pwd", "readlink", "realpath", "rm", "rmdir", "sed", "seq", "sh",
    "sleep", "sort", "stty", "tail", "tee", "test", "timeout", "touch", "tr", "true", "tty",
    "uname", "uniq", "usleep", "wc", "wget", "which", "whoami", "xargs", "yes",
})  # fmt: skip

FAMILIES = {
    "busybox": TOOLS | {"ash", "busybox"},
    "nginx": TOOLS | {"bash", "curl", "nginx", "docker-entrypoint.sh"},
}
"""Image → the commands that it has."""

DIRECTORIES = ("", "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/")


DEFAULT_FAMILY = "busybox"
"""The commands of images that say nothing else."""


def bare(name: str) -> str:
    """`name` without the directory that commands are in; as it is if it names another file."""
    folder, _, last = name.rpartition("/")
    if f"{folder}/" in DIRECTORIES or name == "/docker-entrypoint.sh":
        return last
    return name


def is_known(name: str, image: str) -> bool:
    """Whether an image of the family `image` has the command `name`, which may have a path."""
    return bare(name) in FAMILIES[image]
