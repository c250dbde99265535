"""Typical slips in expressions, many of them habits of other languages."""

from __future__ import annotations

import unicodedata

from karush.dsl.diagnostics import Diagnostic, Fix
from karush.dsl.slip import Slip
from karush.dsl.tokens import ENDS_A_VALUE

_REPLACEMENTS = {
    "≤": "<=", "≥": ">=", "⩽": "<=", "⩾": ">=", "≠": "!=", "∈": "in", "·": "*", "×": "*", "⋅": "*", "∗": "*",
    "−": "-", "–": "-", "—": "-", "÷": "/", "∕": "/", "²": "^2", "³": "^3", "ᵀ": ".T", "“": '"', "”": '"',
    "„": '"', "‘": '"', "’": '"', "&": " and ", "!": "not ", "~": "not ", "＝": "==", "（": "(", "）": ")",
    "，": ",", "；": ";", "∧": " and ", "∨": " or ", "¬": "not ", "⟂": "perp", "⊥": "perp",
}  # fmt: skip
_ADVICE = {
    "|": "the absolute value is `abs(x)`, a norm `norm2(x)`; `or` joins conditions; a filter is `for i in n if …`",
    "∑": "a sum is `sum(x[i] for i in n)`",
    "Σ": "a sum is `sum(x[i] for i in n)`",
    "∏": "a product is `prod(x[i] for i in n)`",
    "√": "a square root is `sqrt(x)`",
    "∞": "leave the bound out, or make it a param: its data may be infinite",
    "%": "comments begin with `#`; there is no remainder operator",
    "\\": "no sign is needed to go on: indent the next line further than the statement",
    "?": "a choice is `if c then a else b`",
    "$": "names are letters, digits and `_`",
    "`": "names stand by themselves, text in double quotes",
    "\0": "the file holds a NUL character; is it text, in UTF-8?",
    "\r": "a line ends with a newline; save the file with the line ends of your system",
}
_JOINED = {
    ("ASSIGN", "GREATER"): ">=", ("ASSIGN", "LESS"): "<=", ("EQUAL", "ASSIGN"): "==", ("COLON", "ASSIGN"): "=",
    ("LESS", "GREATER"): "!=", ("DIVIDE", "DIVIDE"): "/", ("AT_MOST", "GREATER"): "==", ("UNEQUAL", "ASSIGN"): "!=",
}  # fmt: skip


def transpose_or_quote(slip: Slip) -> Diagnostic | None:
    """``X'`` and ``'text'``."""
    if slip.type != "STRANGE" or slip.token != "'":
        return None
    if slip.previous in ENDS_A_VALUE and slip.adjacent(slip.position - 1):
        fix = slip.replace(slip.place, ".T")
        return slip.error("E0115", "the transpose is written `.T`", slip.place, "expected `.T`", fix)
    return slip.error("E0115", "text stands in double quotes", slip.place, 'expected `"`', 'write `"…"`')


def strange_character(slip: Slip) -> Diagnostic | None:
    """A character that the language does not use."""
    token = slip.token
    if token is None or token.type != "STRANGE":
        return None
    if token == '"':
        return slip.error("E0100", "a text does not end on its line", slip.place, 'no closing `"`', 'add `"`')
    if len(token) > 1:
        advice = "names are letters, digits and `_`; a square is `x^2`, an index `x[2]`"
        return slip.error("E0115", f"`{token}` is not a name", slip.place, "", advice)
    if token in ("&", "|") and slip.following == "STRANGE" and slip.at(slip.position + 1) == token:
        word = "and" if token == "&" else "or"
        span = slip.span(slip.position, slip.position + 1)
        return slip.error("E0115", f"`{token}{token}` is written `{word}`", span, "", slip.replace(span, word))
    if token in _REPLACEMENTS:
        text = _REPLACEMENTS[token]
        fix = slip.replace(slip.place, text)
        return slip.error("E0115", f"`{token}` is written `{text.strip()}`", slip.place, "", fix)
    if token.isspace() or unicodedata.category(token) in ("Cf", "Zs"):
        message = f"an invisible character, {_character_name(token)}"
        return slip.error("E0115", message, slip.place, "", slip.replace(slip.place, " "))
    advice = _ADVICE.get(token, "names are letters, digits and `_`")
    return slip.error("E0115", f"{_quoted(token)} is not used here", slip.place, "", advice)


def _character_name(token: str) -> str:
    return unicodedata.name(token, f"U+{ord(token):04X}")


def _quoted(token: str) -> str:
    return f"`{token}`" if token.isprintable() else f"the character U+{ord(token):04X}"


def joined_operators(slip: Slip) -> Diagnostic | None:
    """``=<``, ``===``, ``<>``, ``//``, ``:=``, ``->``, ``+=``: two signs without a blank between them."""
    for left in (slip.position - 1, slip.position):
        pair = (slip.type_at(left), slip.type_at(left + 1))
        if not slip.adjacent(left):
            continue
        span = slip.span(left, left + 1)
        if pair in _JOINED:
            meant = _JOINED[pair]
            message = f"`{span.text}` is written `{meant}`"
            return slip.error("E0115", message, span, "", slip.replace(span, meant))
        if pair[0] in ("PLUS", "MINUS", "TIMES", "DIVIDE") and pair[1] == "ASSIGN":
            advice = "a name keeps its value; give the new value a name of its own, by `let`"
            return slip.error("E0115", f"there is no `{span.text}`", span, "", advice)
        if pair == ("MINUS", "GREATER"):
            return slip.error("E0115", "there is no `->`", span, "", "a function is `fn f(x) = …`")
    return None


def numbers(slip: Slip) -> Diagnostic | None:
    """``.5``, ``1.``, ``1_000``, ``2e``, ``0..n``."""
    position = slip.position
    if slip.type == "DOT" and slip.following == "NUMBER" and slip.adjacent(position):
        fix = slip.insert(slip.place.start, "0")
        return slip.error("E0115", "a number has digits on both sides of the point", slip.place, "expected `0.`", fix)
    before, token = slip.at(position - 1), slip.token
    if slip.previous == "DOT" and slip.type_at(position - 2) == "NUMBER":
        if slip.type == "DOT":
            return _dotted_range(slip)
        place = slip.span(position - 2, position - 1)
        fix = slip.insert(place.end, "0")
        return slip.error("E0115", "a number has digits on both sides of the point", place, "expected `.0`", fix)
    if before is None or token is None or slip.previous != "NUMBER" or not slip.adjacent(position - 1):
        return None
    if slip.type == "NAME" and token.startswith("_") and token.replace("_", "").isdigit():
        fix = slip.replace(slip.place, token.replace("_", ""))
        return slip.error("E0115", "digits are not grouped by `_`", slip.place, "", fix)
    if slip.type == "NAME" and token in ("e", "E"):
        return slip.error("E0100", "the exponent lacks its digits", slip.place, "", "write `1e-3`")
    return None


def _dotted_range(slip: Slip) -> Diagnostic:
    """``0..n``, the second point of which is the bad token."""
    left, right = slip.at(slip.position - 2), slip.at(slip.position + 1)
    fix: Fix | str = "a dim `n` is the range 0 … n-1"
    if right is not None and right.type in ("NAME", "NUMBER"):
        fix = slip.replace(slip.span(slip.position - 2, slip.position + 1), f"range({left}, {right})")
    place = slip.span(slip.position - 1, slip.position)
    return slip.error("E0115", "a range is `range(a, b)`, without b itself", place, "", fix)


def missing_operator(slip: Slip) -> Diagnostic | None:
    """``2 x``, ``(a) b``, ``x y``: two values side by side."""
    if slip.previous not in ENDS_A_VALUE or slip.type not in ("NAME", "NUMBER", "STRING", "TRUE", "FALSE"):
        return None
    if "PLUS" not in slip.accepted:
        return None
    if slip.type == "NAME" and slip.token == "where":
        return slip.error("E0117", "a filter is written `if`", slip.place, "", slip.replace(slip.place, "if"))
    left, right = slip.tokens[slip.position - 1], slip.tokens[slip.position]
    fix = slip.replace(slip.span(slip.position - 1, slip.position), f"{left} * {right}")
    if slip.previous == "NUMBER" and slip.type == "NAME":
        return slip.error("E0115", "a product is written with `*`", slip.place, "expected an operator", fix)
    if slip.previous == slip.type == "NUMBER" and slip.inside == "LSQB":
        comma = slip.replace(slip.span(slip.position - 1, slip.position), f"{left}, {right}")
        return slip.error("E0115", "numbers in a list are separated by commas", slip.place, "expected `,`", comma)
    message = f"an operator is missing between `{left}` and `{right}`"
    return slip.error("E0100", message, slip.place, "expected an operator", f"for a product: {fix.message}")


def conditional(slip: Slip) -> Diagnostic | None:
    """``a if c else b``, ``if c: a``, a missing ``then`` or ``else``."""
    form = "if c then a else b"
    if slip.type == "IF" and slip.previous in ENDS_A_VALUE:
        message = "the condition comes first: `if c then a else b`"
        rest = {token.type for token in slip.tokens[slip.position :]}
        if "ELSE" in rest:
            return slip.error("E0115", message, slip.place, "", f"write `{form}`")
        advice = "a filter belongs to a clause: `for i in n if …`"
        return slip.error("E0117", "`if` has no place here", slip.place, "", advice)
    if slip.type == "IF" and slip.previous == "COMMA" and "FOR" in {token.type for token in slip.since_bracket()}:
        return slip.error("E0117", "no comma stands before a filter", slip.place, "", "write `for i in n if …`")
    if slip.type == "IF":
        return slip.error("E0100", "an `if` among operators stands in brackets", slip.place, "", f"write `({form})`")
    if "THEN" in slip.accepted and _open_word(slip, "IF", "THEN"):
        return slip.error("E0100", "the `if` lacks its `then`", slip.place, "expected `then`", f"write `{form}`")
    if "ELSE" in slip.accepted and _open_word(slip, "THEN", "ELSE"):
        message = "an `if` says both values"
        return slip.error("E0100", message, slip.place, "expected `else`", f"write `{form}`")
    return None


def _open_word(slip: Slip, word: str, partner: str) -> bool:
    types = [token.type for token in slip.since_bracket()]
    return types.count(word) > types.count(partner)


def not_in(slip: Slip) -> Diagnostic | None:
    """``i not in S``."""
    if slip.type == "NOT" and slip.following == "IN":
        advice = "`not` stands before: `not (x in S)`; a constraint says where x is, not where it is not"
        return slip.error("E0115", "there is no `not in`", slip.place, "", advice)
    return None


def clauses(slip: Slip) -> Diagnostic | None:
    """Slips about ``for``."""
    types = [token.type for token in slip.since_bracket()]
    if slip.type == "FOR":
        return _misplaced_for(slip)
    if "FOR" not in types:
        return None
    form = "a clause is `for i in n`, over a dim or `range(a, b)`"
    if slip.type == "ASSIGN" and slip.type_at(slip.position - 2) in ("FOR", "COMMA"):
        fix = slip.replace(slip.place, "in")
        return slip.error("E0117", "a clause is written with `in`", slip.place, "expected `in`", fix)
    if slip.type == "COLON":
        return slip.error("E0117", "a range is written `range(a, b)`", slip.place, "", form)
    if slip.previous == "FOR" or (slip.previous == "NAME" and slip.type_at(slip.position - 2) == "FOR"):
        return slip.error("E0117", "the clause is not complete", slip.place, "", form)
    return None


def _misplaced_for(slip: Slip) -> Diagnostic | None:
    if slip.position == 0:
        message = "a `for` clause comes last"
        return slip.error("E0117", message, slip.place, "", "write `x[i] <= 1 for i in n`")
    if slip.previous not in ENDS_A_VALUE:
        return None
    message = "a `for` clause belongs in the brackets of a sum or an array"
    if slip.first.type in ("MINIMIZE", "MAXIMIZE") and not slip.inside:
        return slip.error("E0117", message, slip.place, "", "write `sum(… for i in n)`")
    if slip.inside == "LPAR":
        return slip.error("E0117", message, slip.place, "", "write `f(a, [… for i in n])`, or `sum(… for i in n)`")
    return slip.error("E0117", message, slip.place, "", "write `[… for i in n]`")


def subscripts(slip: Slip) -> Diagnostic | None:
    """``x[a:b:c]``, ``x[]``, ``[]``, ``[1 2; 3 4]``."""
    if slip.inside == "LSQB" and slip.type == "SEMICOLON":
        return slip.error("E0115", "rows are lists", slip.place, "", "write `[[1, 2], [3, 4]]`")
    if slip.inside == "LSQB" and slip.type == "COLON" and "COLON" in [t.type for t in slip.since_bracket()]:
        advice = "a slice is `x[a:b]`; take every second by `[x[2 * i] for i in n]`"
        return slip.error("E0115", "a slice has no step", slip.place, "", advice)
    if slip.type == "RSQB" and slip.previous == "LSQB":
        span = slip.span(slip.position - 1, slip.position)
        advice = "an index is `x[i]`, all of it `x`; an empty array is `zeros(0)`"
        return slip.error("E0100", "nothing stands in the brackets", span, "", advice)
    if slip.type == "RPAR" and slip.previous == "LPAR":
        span = slip.span(slip.position - 1, slip.position)
        return slip.error("E0100", "nothing stands in the brackets", span, "", Fix("put a value in them"))
    return None


SLIPS = (transpose_or_quote, strange_character, numbers, joined_operators, not_in, subscripts, clauses, conditional)
LATE_SLIPS = (missing_operator,)
