"""`$((…))`: whole numbers, C's operators and precedence. Pure."""

from __future__ import annotations

from collections.abc import Callable

_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<=", ">=", "<", ">"),
    ("<<", ">>"), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip
_TOKENS = ("<<=", ">>=", "&&", "||", "==", "!=", "<=", ">=", "<<", ">>", "++", "--", "+=", "-=",
           "*=", "/=", "%=")  # fmt: skip
_MOST_BITS = 63


class BadExpression(Exception):  # noqa: N818 - what a shell calls it
    """Text that is no expression."""


def evaluate(text: str, value: Callable[[str], str], assign: Callable[[str, str], None]) -> int:
    """What the expression `text` comes to.

    Raises:
        BadExpression: if it is none.
    """
    parser = _Parser(_tokens(text), value, assign)
    found = parser.assignment() if parser.tokens else 0
    if parser.tokens:
        raise BadExpression("arithmetic syntax error")
    return found


def _tokens(text: str) -> list[str]:
    """The tokens of `text`, the first one last."""
    found: list[str] = []
    at = 0
    while at < len(text):
        end = at + 1
        if text[at].isalnum() or text[at] == "_":
            while end < len(text) and (text[end].isalnum() or text[end] == "_"):
                end += 1
        elif token := next((one for one in _TOKENS if text.startswith(one, at)), ""):
            end = at + len(token)
        if not text[at].isspace():
            found.append(text[at:end])
        at = end
    return found[::-1]


class _Parser:
    def __init__(
        self,
        tokens: list[str],
        value: Callable[[str], str],
        assign: Callable[[str, str], None],
    ) -> None:
        self.tokens, self._value, self._assign = tokens, value, assign

    def _next(self) -> str:
        return self.tokens[-1] if self.tokens else ""

    def _accept(self, *wanted: str) -> str:
        return self.tokens.pop() if self._next() in wanted and self.tokens else ""

    def assignment(self) -> int:
        name, operator = self._next(), "".join(self.tokens[-2:-1])
        if name.isidentifier() and operator in {"=", "+=", "-=", "*=", "/=", "%="}:
            del self.tokens[-2:]
            right = self.assignment()
            result = _apply(operator[0], self._number(name), right) if operator != "=" else right
            self._assign(name, str(result))
            return result
        condition = self._binary(0)
        if not self._accept("?"):
            return condition
        yes = self.assignment()
        if not self._accept(":"):
            raise BadExpression("arithmetic syntax error")
        no = self.assignment()
        return yes if condition else no

    def _binary(self, level: int) -> int:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while operator := self._accept(*_LEVELS[level]):
            left = _apply(operator, left, self._binary(level + 1))
        return left

    def _unary(self) -> int:
        operator = self._accept("-", "+", "!", "~")
        if operator:
            number = self._unary()
            return {"-": -number, "+": number, "!": int(not number), "~": ~number}[operator]
        if self._accept("("):
            number = self.assignment()
            if not self._accept(")"):
                raise BadExpression("arithmetic syntax error")
            return number
        step = self._accept("++", "--")
        token = self.tokens.pop() if self.tokens else ""
        if not token.isidentifier():
            return _whole(token)
        before = self._number(token)
        later = "" if step else self._accept("++", "--")
        after = before + {"": 0, "++": 1, "--": -1}[step or later]
        if step or later:
            self._assign(token, str(after))
        return after if step else before

    def _number(self, name: str) -> int:
        return _whole(self._value(name) or "0")


def _whole(text: str) -> int:
    try:
        return int(text, 0 if text[:2].lower() == "0x" else 8 if text[:1] == "0" else 10)
    except ValueError:
        raise BadExpression("arithmetic syntax error") from None


def _apply(operator: str, left: int, right: int) -> int:
    if operator in {"/", "%"}:
        if not right:
            raise BadExpression("divide by zero")
        quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        return quotient if operator == "/" else left - right * quotient
    if operator in {"<<", ">>"}:
        right = min(max(right, 0), _MOST_BITS)
        return left << right if operator == "<<" else left >> right
    compared = {
        "||": bool(left or right), "&&": bool(left and right), "==": left == right,
        "!=": left != right, "<=": left <= right, ">=": left >= right, "<": left < right,
        ">": left > right,
    }  # fmt: skip
    if operator in compared:
        return int(compared[operator])
    return {
        "|": left | right, "^": left ^ right, "&": left & right,
        "+": left + right, "-": left - right, "*": left * right,
    }[operator]  # fmt: skip
