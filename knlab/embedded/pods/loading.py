"""Which variables of a Pod no program of this machine gets: those that say what code to load.

A registered program is what its owner said when he registered it. A Pod may tell it what to do, but
not which libraries or modules of this machine to run with it, nor where to look for other programs.
The built-in commands and the stand-ins get no variable at all in their processes' environments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PREFIXES: Final = ("LD_", "DYLD_", "MALLOC_", "PYTHON", "RUBY", "PERL", "BASH_FUNC_")
_NAMES: Final = frozenset({
    "BASH_ENV", "CLASSPATH", "ENV", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "HOSTALIASES",
    "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "LIBPATH", "LOCALDOMAIN", "LOCPATH", "NIS_PATH",
    "NLSPATH", "NODE_OPTIONS", "NODE_PATH", "OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES",
    "PATH", "RESOLV_HOST_CONF", "RES_OPTIONS", "SHLIB_PATH", "TZDIR", "ZDOTDIR", "_JAVA_OPTIONS",
    "__PYVENV_LAUNCHER__",
})  # fmt: skip
_HARMLESS: Final = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONUNBUFFERED"})


def harmless(env: Mapping[str, str]) -> dict[str, str]:
    """`env` without the variables that say what code to load."""
    return {name: value for name, value in env.items() if not _says_what_to_load(name)}


def _says_what_to_load(name: str) -> bool:
    if name in _HARMLESS:
        return False
    return name in _NAMES or name.startswith(_PREFIXES)
