"""The environment variables of a container, with every reference resolved: pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from knlab._exceptions import KnlabError
from knlab.embedded.kube.objects import Object
from knlab.embedded.kube.quantities import find_quantity

Find: TypeAlias = Callable[[str, str], Object | None]
"""(kind, name) → the ConfigMap or Secret of that name in the pod's namespace."""

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_VARIABLE: Final = re.compile(r"\$\$|\$\(([^()$]*)\)")
_BY_KEY: Final = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class ConfigError(KnlabError):
    """A container's configuration cannot be made; the text is the kubelet's."""


def environment(
    container: Object,
    pod: Object,
    addresses: Mapping[str, str],
    find: Find,
    links: Mapping[str, str] = _NONE,
) -> dict[str, str]:
    """What `container` of `pod` gets to see; `addresses` has `status.podIP` and `status.hostIP`.

    `links` are variables that it gets too, unless it has others of those names.

    Raises:
        ConfigError: for a ConfigMap, Secret or key that is missing and not optional.
    """
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        found |= _all_of(source, find)
    for entry in container.get("env") or ():
        if (reference := entry.get("valueFrom")) is None:
            found[entry["name"]] = expand(entry.get("value") or "", {**links, **found})
            continue
        value = _referred(reference, container, pod, addresses, find)
        if value is not None:
            found[entry["name"]] = value
    return found | {name: value for name, value in links.items() if name not in found}


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`text` with each `$(NAME)` of `variables` replaced; `$$` is a dollar, unknown names stay."""

    def replacement(matched: re.Match[str]) -> str:
        if matched[1] is None:
            return "$"
        return variables.get(matched[1], matched[0])

    return _VARIABLE.sub(replacement, text)


def text_of(kind: str, obj: Object, key: str) -> str | None:
    """What a ConfigMap or Secret has under `key`, as text."""
    if kind == "Secret":
        encoded = (obj.get("data") or {}).get(key)
        return None if encoded is None else _decoded(encoded)
    plain = (obj.get("data") or {}).get(key)
    return None if plain is None else str(plain)


def _decoded(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "surrogateescape")


def _all_of(source: Object, find: Find) -> dict[str, str]:
    prefix = source.get("prefix", "")
    kind, reference = next(_sources(source), ("", {}))
    obj = _object(kind, reference, find) if kind else None
    if obj is None:
        return {}
    return {f"{prefix}{key}": text_of(kind, obj, key) or "" for key in obj.get("data") or ()}


def _sources(source: Object) -> Iterator[tuple[str, Object]]:
    for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        if field in source:
            yield kind, source[field]


def _object(kind: str, reference: Object, find: Find) -> Object | None:
    obj = find(kind, reference["name"])
    if obj is None and not reference.get("optional"):
        raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
    return obj


def _referred(
    reference: Object, container: Object, pod: Object, addresses: Mapping[str, str], find: Find
) -> str | None:
    if field := reference.get("fieldRef"):
        return pod_field(field["fieldPath"], pod, addresses)
    if field := reference.get("resourceFieldRef"):
        return resource_field(field, container, pod)
    for name, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if name in reference:
            return _key(kind, reference[name], pod, find)
    raise ConfigError(f"knlab does not resolve valueFrom {', '.join(reference)}")


def _key(kind: str, reference: Object, pod: Object, find: Find) -> str | None:
    obj = _object(kind, reference, find)
    found = None if obj is None else text_of(kind, obj, reference["key"])
    if found is None and not reference.get("optional"):
        where = f"{pod['metadata'].get('namespace', '')}/{reference['name']}"
        raise ConfigError(f"couldn't find key {reference['key']} in {kind} {where}")
    return found


def pod_field(path: str, pod: Object, addresses: Mapping[str, str]) -> str:
    """What a fieldRef to `path` gives.

    Raises:
        ConfigError: for a field that containers cannot refer to.
    """
    if path in addresses:
        return addresses[path]
    metadata, spec = pod["metadata"], pod["spec"]
    if by_key := _BY_KEY.fullmatch(path):
        return str((metadata.get(by_key[1]) or {}).get(by_key[2], ""))
    fields: dict[str, Any] = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", ""),
        "metadata.uid": metadata.get("uid", ""),
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
    }
    if path not in fields:
        raise ConfigError(f'unsupported fieldPath: "{path}"')
    return str(fields[path])


def resource_field(reference: Object, container: Object, pod: Object) -> str:
    """What a resourceFieldRef of `container` gives.

    Raises:
        ConfigError: for a container or a limit that there is not.
    """
    wanted = reference.get("containerName")
    if wanted:
        named = [one for one in pod["spec"]["containers"] if one["name"] == wanted]
        if not named:
            raise ConfigError(f"container {wanted} not found")
        container = named[0]
    kind, _, name = reference["resource"].partition(".")
    quantity = ((container.get("resources") or {}).get(kind) or {}).get(name)
    if quantity is None and kind == "limits":
        raise ConfigError(f"the container sets no {reference['resource']} to refer to")
    amount = find_quantity(quantity or "0") or Decimal(0)
    divisor = find_quantity(reference.get("divisor") or "1") or Decimal(1)
    return str((amount / divisor).to_integral_value(ROUND_CEILING))
