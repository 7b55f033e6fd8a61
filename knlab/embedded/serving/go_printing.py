"""Values of a revision template as Go's verb `%+v` prints them, given their types.

Structures of Kubernetes print themselves where they are pointed to: `&EnvVarSource{…}`. A pointer
to a number or text prints an address there, another in each process; here it is always the same.
"""

from __future__ import annotations

from typing import Any, Final

from knlab.embedded.serving.go_quantities import ADDRESS, printed_quantity, spelled_quantity
from knlab.embedded.serving.go_structures import EMBEDDED, Field, structures

POINTER: Final = "*"
LIST: Final = "[]"
MAP: Final = "map[string]"
QUANTITY: Final = "resource.Quantity"
INT_OR_STRING: Final = "intstr.IntOrString"
TIME: Final = "v1.Time"
_ZERO_TIME: Final = "0001-01-01 00:00:00 +0000 UTC"
_ZEROS: Final = {"string": "", "bool": "false"}
_ELSEWHERE: Final = frozenset({"v1.LabelSelector", "v1.ObjectMeta"})
"""Structures of another package than those that point to them."""


_INT_OR_STRING_FIELDS: Final = (
    Field("Type", "type", "int64", 1),
    Field("IntVal", "intVal", "int32", 2),
    Field("StrVal", "strVal", "string", 3),
)


def is_structure(type_: str) -> bool:
    """Whether values of the type have fields of their own."""
    return type_ in {*structures(), QUANTITY, INT_OR_STRING, TIME}


def fields_of(type_: str) -> tuple[Field, ...] | None:
    """The fields of a structure; None for other types."""
    return _INT_OR_STRING_FIELDS if type_ == INT_OR_STRING else structures().get(type_)


def member(value: Any, type_: str, field: Field) -> Any:
    """What the JSON `value` of a structure says about its `field`."""
    if type_ == INT_OR_STRING:
        value = {"type": 1, "strVal": value} if isinstance(value, str) else {"intVal": value}
    return value if field.json == EMBEDDED else (value or {}).get(field.json)


def printed(value: Any, type_: str, *, named: bool = True) -> str:
    """`value` as `%+v` prints it; with `named` false, as `%v` does."""
    if type_.startswith(POINTER):
        return _printed_pointer(value, type_.removeprefix(POINTER))
    if type_.startswith(LIST):
        of = type_.removeprefix(LIST)
        return f"[{' '.join(printed(item, of, named=named) for item in value or ())}]"
    if type_.startswith(MAP):
        of = type_.removeprefix(MAP)
        items = sorted((value or {}).items())
        return f"map[{' '.join(f'{key}:{printed(item, of, named=named)}' for key, item in items)}]"
    if type_ == QUANTITY:
        return printed_quantity(str(value or ""), named=named)
    fields = fields_of(type_)
    if fields is None:
        return _scalar(value, type_)
    texts = [
        (field.name, printed(member(value, type_, field), field.type, named=named))
        for field in fields
    ]
    return f"{{{' '.join(f'{name}:{text}' if named else text for name, text in texts)}}}"


def _printed_pointer(value: Any, of: str) -> str:
    if _speaks(of):
        return _own_words(value, of)
    if value is None:
        return "<nil>"
    if of == QUANTITY:
        return spelled_quantity(str(value))
    return _scalar(value, of) if of == TIME else ADDRESS


def _scalar(value: Any, type_: str) -> str:
    if type_ == TIME:
        return value or _ZERO_TIME
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value is not None else _ZEROS.get(type_, "0")


def _speaks(type_: str) -> bool:
    """Whether it is a structure of Kubernetes, be it in the table or not."""
    return type_.startswith("v1.") and type_ != TIME


def _own_words(value: Any, type_: str) -> str:
    """What a structure of Kubernetes says of itself where it is pointed to."""
    return "nil" if value is None else f"&{_plain_words(value, type_)}"


def _plain_words(value: Any, type_: str) -> str:
    fields = sorted(structures()[type_], key=lambda field: field.number)
    texts = [f"{field.name}:{_word(member(value, type_, field), field.type)}," for field in fields]
    return f"{type_.rpartition('.')[2]}{{{''.join(texts)}}}"


def _word(value: Any, type_: str) -> str:
    of = type_.removeprefix(POINTER)
    if of in _ELSEWHERE:
        return _word_from_elsewhere(value, type_)
    if _speaks(of):
        return _own_words(value, of) if of != type_ else _plain_words(value, of)
    if of not in {type_, QUANTITY}:
        return "nil" if value is None else f"*{_scalar(value, of)}"
    item = type_.removeprefix(LIST)
    if item != type_ and _speaks(item):
        inner = "".join(f"{_plain_words(each, item)}," for each in value or ())
        return f"[]{item.rpartition('.')[2]}{{{inner}}}"
    if type_.startswith(MAP):
        item = type_.removeprefix(MAP)
        name = "ResourceList" if item == QUANTITY else type_
        items = sorted((value or {}).items())
        inner = "".join(f"{key}: {printed(each, item, named=False)}," for key, each in items)
        return f"{name}{{{inner}}}"
    return printed(value, type_, named=False)


def _word_from_elsewhere(value: Any, type_: str) -> str:
    if type_.startswith(POINTER):
        return printed(value, type_).replace("&", "&v1.", 1)
    return printed(value, type_, named=False)
