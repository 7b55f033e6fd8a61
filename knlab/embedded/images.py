"""Which program an image reference means.

Shipped programs stand behind the references of the course, components are added by the platform,
and a user's own programs are registered in a file of the state directory (`knlab image add`).
Docker's `busybox` and `nginx` have stand-ins under every tag that they could have.
Every other reference fails as on a cluster that cannot reach the registry.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from knlab import images
from knlab._exceptions import KnlabError
from knlab.embedded.runtime import Builtin, Process, Program

_ROOT: Final = str(Path(__file__).parents[2])

_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST: Final = r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|[A-Za-z0-9.-]+:\d+)(?::\d+)?"
_REFERENCE: Final = re.compile(
    rf"(?:(?P<registry>{_HOST})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


class InvalidReference(KnlabError):  # noqa: N818 - names of situations
    """Text that names no image."""


class Unresolvable(KnlabError):  # noqa: N818 - names of situations
    """No digest can be had for a reference; the text is what a registry client would say."""


class PullFailed(KnlabError):  # noqa: N818 - names of situations
    """The image cannot be pulled; the text is what a container runtime would say."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The parts of an image reference, with defaults filled in."""

    registry: str
    path: str
    tag: str
    """Empty for a reference by digest alone."""
    digest: str

    @property
    def repository(self) -> str:
        """Registry and path."""
        return f"{self.registry}/{self.path}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


@dataclass(frozen=True, slots=True)
class Image:
    """An image that can be run."""

    reference: str
    """In full: registry, path, tag or digest."""
    repository: str
    digest: str
    program: Program
    takes_arguments: bool = False
    """Whether a container's `args` reach the program: only a user's own programs take them."""


def parse_reference(text: str) -> Reference:
    """The parts of `text`: `nginx` is `docker.io/library/nginx:latest`.

    Raises:
        InvalidReference: if it names no image.
    """
    matched = _REFERENCE.fullmatch(text)
    if matched is None:
        raise InvalidReference(f'couldn\'t parse image name "{text}": invalid reference format')
    registry, path = matched["registry"] or "docker.io", matched["path"]
    if registry == "docker.io" and "/" not in path:
        path = f"library/{path}"
    digest = matched["digest"] or ""
    return Reference(registry, path, matched["tag"] or ("" if digest else "latest"), digest)


def shipped(module: str) -> Process:
    """The program in `knlab.embedded.programs.MODULE`, as an isolated interpreter starts it."""
    start = (
        f"import sys; sys.path.insert(0, {_ROOT!r}); "
        f"from knlab.embedded.programs.{module} import main; main()"
    )
    return Process((sys.executable, "-I", "-S", "-c", start), own_address=True)


class ImageTable:
    """The images of one cluster; `registered` is the file with the user's own."""

    def __init__(self, registered: Path) -> None:
        self._registered = registered
        self._read_at: object = None
        self._own: dict[str, Image] = {}
        self._images: dict[str, Image] = {}
        self._any_digest: set[str] = set()
        for reference, (module, digest) in _SHIPPED.items():
            self.add(reference, shipped(module), digest=_digest(digest))
            self._any_digest.add(parse_reference(reference).repository)

    def add(self, reference: str, program: Program, *, digest: str = "") -> Image:
        """`reference` runs `program` from now on; without `digest`, one made from the reference."""
        parts = parse_reference(reference)
        made = digest or parts.digest or _digest(str(parts))
        image = Image(str(parts), parts.repository, made, program)
        self._images[str(parts)] = image
        return image

    def find(self, reference: str) -> Image | None:
        """The image that `reference` means; None if nobody has it.

        Raises:
            InvalidReference: if it is none.
        """
        parts = parse_reference(reference)
        self._read_registered()
        known = {**self._own, **self._images}
        if not parts.digest:
            return known.get(str(parts)) or _stand_in(parts)
        if found := known.get(str(parts)):
            return found
        if stand_in := _stand_in(parts):
            return stand_in
        here = [image for image in known.values() if image.repository == parts.repository]
        exact = [image for image in here if image.digest == parts.digest]
        if not exact and here and parts.repository in self._any_digest:
            exact = [replace(here[0], digest=parts.digest)]
        return replace(exact[0], reference=str(parts)) if exact else None

    def resolve(self, reference: str) -> Image:
        """The image behind `reference`, for its digest.

        Raises:
            Unresolvable: if nobody has it.
        """
        return self._get(reference, lambda parts, known: Unresolvable(_resolution(parts, known)))

    def pull(self, reference: str) -> Image:
        """The image behind `reference`, for running it.

        Raises:
            PullFailed: if nobody has it.
        """
        return self._get(reference, lambda parts, known: PullFailed(_pull_failure(parts, known)))

    def _get(self, reference: str, failure: Callable[[Reference, bool], Exception]) -> Image:
        found = self.find(reference)
        if found is not None:
            return found
        parts = parse_reference(reference)
        here = any(image.repository == parts.repository for image in self._images.values())
        here = here or parts.repository in _STAND_INS
        raise failure(parts, here or parts.registry == images.LOCAL_REGISTRY)

    def _read_registered(self) -> None:
        try:
            found = self._registered.stat()
            mark: object = (found.st_mtime_ns, found.st_ino)
        except OSError:
            mark = None
        if mark == self._read_at:
            return
        programs = images.registered_programs(self._registered)
        self._own = {name: _own_image(name, argv) for name, argv in programs.items()}
        self._read_at = mark


_SHIPPED: Final[dict[str, tuple[str, str]]] = {
    **dict.fromkeys(
        (
            "ghcr.io/knative/helloworld-go",
            "gcr.io/knative-samples/helloworld-go",
            "gcr.io/knative-samples/helloworld",
            images.ARTICLE_HELLO,
            images.HELLO,
        ),
        ("hello", "helloworld-go"),
    ),
    **dict.fromkeys(
        ("ghcr.io/knative/autoscale-go", "gcr.io/knative-samples/autoscale-go", images.AUTOSCALE),
        ("autoscale", "autoscale-go"),
    ),
    **dict.fromkeys(("dev.local/hello:v1", images.HELLO_V1), ("hello", "hello:v1")),
    **dict.fromkeys(("dev.local/hello:v2", images.HELLO_V2), ("hello", "hello:v2")),
}
"""Reference → module of the program, and the name that its digest is made from."""


_BUSYBOX: Final = Builtin(commands="busybox", arguments=("sh",))
_NGINX: Final = Builtin(
    commands="nginx",
    entrypoint=("/docker-entrypoint.sh",),
    arguments=("nginx", "-g", "daemon off;"),
    port=80,
)
_VERSION: Final = r"(?P<version>\d{1,2}(?:\.\d{1,2}){0,2})"
_VARIANT: Final = r"(?:-[a-z][a-z0-9.]*)*"
_STAND_INS: Final = {
    "docker.io/library/busybox": (
        _BUSYBOX,
        re.compile(rf"(?:latest|(?:un)?stable|musl|u?clibc|glibc|{_VERSION}){_VARIANT}"),
    ),
    "docker.io/library/nginx": (
        _NGINX,
        re.compile(rf"(?:latest|stable|mainline|alpine|perl|otel|{_VERSION}){_VARIANT}"),
    ),
}
"""Repository → its stand-in, and the tags that the repository could have; others are not found."""
_NGINX_VERSION: Final = "1.29"


def _stand_in(parts: Reference) -> Image | None:
    program, tags = _STAND_INS.get(parts.repository, (None, None))
    if program is None or tags is None:
        return None
    found = tags.fullmatch(parts.tag)
    if found is None and parts.tag:
        return None
    digest = parts.digest or _digest(str(parts))
    if program.commands == "nginx":
        version = (found and found["version"]) or _NGINX_VERSION
        program = replace(program, env={"NGINX_VERSION": version})
    return Image(str(parts), parts.repository, digest, program)


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _own_image(name: str, argv: tuple[str, ...]) -> Image:
    parts = parse_reference(name)
    digest = _digest("\0".join((str(parts), *argv)))
    return Image(str(parts), parts.repository, digest, Process(argv), takes_arguments=True)


def _resolution(parts: Reference, known: bool) -> str:  # noqa: FBT001
    host = "index.docker.io" if parts.registry == "docker.io" else parts.registry
    if known:
        url = f"https://{host}/v2/{parts.path}/manifests/{parts.digest or parts.tag}"
        return (
            f"HEAD {url}: unexpected status code 404 Not Found"
            " (HEAD responses have no body, use GET for details)"
        )
    return f'Get "https://{host}/v2/": dial tcp: lookup {host}: no such host'


def _pull_failure(parts: Reference, known: bool) -> str:  # noqa: FBT001
    failed = f'failed to pull and unpack image "{parts}": failed to resolve reference "{parts}": '
    if known:
        return f"rpc error: code = NotFound desc = {failed}{parts}: not found"
    host = "registry-1.docker.io" if parts.registry == "docker.io" else parts.registry
    url = f"https://{host}/v2/{parts.path}/manifests/{parts.digest or parts.tag}"
    return f'{failed}failed to do request: Head "{url}": dial tcp: lookup {host}: no such host'
