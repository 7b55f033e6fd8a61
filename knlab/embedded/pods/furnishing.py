"""What is in a container's directory before its first process: a small Unix system's files."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from knlab import versions
from knlab.embedded.builtin.cluster_dns import NDOTS, SERVER_ADDRESS, search_path
from knlab.embedded.kube.objects import Object
from knlab.embedded.pods.box import Box, pids_of, root_of

_FOLDERS: Final = ("bin", "dev", "etc", "home", "proc", "root", "sys", "tmp", "usr", "var")
_WELCOME: Final = """<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
<style>body { width: 36em; margin: 3em auto; font-family: sans-serif; }</style>
</head>
<body>
<h1>Welcome to nginx!</h1>
<p>This page comes from the stand-in for nginx that is part of knlab's embedded cluster. It serves
what is in <code>/usr/share/nginx/html</code> of its container: write another page there, or mount
one from a ConfigMap.</p>
</body>
</html>
"""


def clear(container: Path) -> None:
    """Take away what the instance before had: a container's files are new each time it starts."""
    for path in (root_of(container), pids_of(container)):
        if path.exists():
            shutil.rmtree(path, ignore_errors=True)
    root_of(container).mkdir(parents=True)


def is_furnished(box: Box) -> bool:
    """Whether `furnish` has been here."""
    return box.pids.exists()


def furnish(box: Box) -> None:
    """Fill the directory of `box` with what its image and the kubelet put there.

    Raises:
        OSError: if there is no place for a mount, as inside one that is read-only.
    """
    root = box.root
    for name in _FOLDERS:
        (root / name).mkdir(exist_ok=True)
    for path, text in _files(box).items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    places = [f"/{mount.path.strip('/')}".rpartition("/")[0] for mount in box.mounts]
    for place in sorted(places, key=len):
        box.files.make_folders(place)
    with suppress(OSError):  # a working directory that is a file: the command begins at `/`
        box.files.make_folders(box.workdir)
    box.pids.mkdir()


def _files(box: Box) -> dict[str, str]:
    found = {
        "etc/hostname": f"{box.hostname}\n",
        "etc/hosts": _hosts(box),
        "etc/resolv.conf": (
            f"search {' '.join(search_path(box.namespace))}\n"
            f"nameserver {SERVER_ADDRESS}\noptions ndots:{NDOTS}\n"
        ),
        "etc/os-release": (
            f'NAME="knlab"\nID=knlab\nVERSION_ID={versions.KNLAB}\n'
            f'PRETTY_NAME="A stand-in for {box.image} in knlab\'s embedded cluster"\n'
        ),
        "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
        "etc/group": "root:x:0:\n",
    }
    if box.image == "nginx":
        found["usr/share/nginx/html/index.html"] = _WELCOME
    return found


def host_aliases(pod: Object) -> tuple[str, ...]:
    """The lines that the `hostAliases` of `pod` add to `/etc/hosts`."""
    aliases: list[Object] = pod["spec"].get("hostAliases") or []
    lines = ["\t".join((alias["ip"], *alias.get("hostnames", ()))) for alias in aliases]
    return ("", "# Entries added by HostAliases.", *lines) if lines else ()


def _hosts(box: Box) -> str:
    lines = (
        "# Kubernetes-managed hosts file.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "fe00::0\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
        f"{box.ip}\t{box.hostname}",
        *box.aliases,
    )
    return "".join(f"{line}\n" for line in lines)
