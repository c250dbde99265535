"""Typical slips in declarations."""

from __future__ import annotations

from karush.dsl.diagnostics import Diagnostic, Fix
from karush.dsl.slip import COMPARATORS, DECLARATIONS, Slip
from karush.dsl.tokens import ENDS_A_VALUE, KEYWORDS

_SETS_FOR = {(">=", "0"): "nonneg", ("<=", "0"): "nonpos", (">", "0"): "pos", ("<", "0"): "neg"}
_CLOSED = {"pos": "nonneg", "neg": "nonpos"}
_TYPES = frozenset({
    "real", "float", "double", "int", "integer", "bool", "boolean", "vector", "matrix", "scalar", "array", "binary",
    "continuous", "positive"
})  # fmt: skip
_NAMING = frozenset({
    "DIM", "PARAM", "VAR", "LET", "FN", "MODEL", "SET", "ATOM", "FIND", "USING", "DERIVATIVE", "IMPORT", "COMMA"
})  # fmt: skip


def bound(slip: Slip) -> Diagnostic | None:
    """``var x >= 0`` and ``var 0 <= x <= 1``."""
    if slip.first.type not in DECLARATIONS or slip.inside:
        return None
    begins_with_bound = slip.type in ("NUMBER", "MINUS") and slip.previous in DECLARATIONS | {"COMMA"}
    if slip.type not in COMPARATORS and not begins_with_bound:
        return None
    end = slip.position
    while slip.type_at(end + 1) not in ("COMMA", "END"):
        end += 1
    span = slip.span(slip.position, end)
    message = "a declaration takes a set, not a bound"
    if slip.first.type == "DIM":
        return slip.error("E0106", message, span, "", "sizes are never negative; a value is given by `dim n = 20`")
    operator, value = slip.tokens[slip.position], slip.at(slip.position + 1)
    name = _SETS_FOR.get((str(operator), str(value))) if end == slip.position + 1 else None
    if slip.first.type == "VAR":
        name = _CLOSED.get(name or "", name)
    if name is None:
        advice = "`in box(lower, upper)`, or a constraint under `subject to`"
        return slip.error("E0106", message, span, "", advice)
    found = slip.error("E0106", message, span, "", slip.replace(span, f"in {name}"))
    if slip.first.type == "PARAM":
        return found
    row = f"{_declared_name(slip)} {operator[0]}= {value}"
    return slip.with_notes(found, ("help", f"a bound with a name and a dual: `bound: {row}` under `subject to`"))


def _declared_name(slip: Slip) -> str:
    """The name that the declaration with the bad token declares."""
    name, depth = "", 0
    for before, token in zip(slip.tokens, slip.tokens[1 : slip.position], strict=False):
        depth += (before.type in ("LSQB", "LPAR")) - (before.type in ("RSQB", "RPAR"))
        if depth == 0 and before.type in DECLARATIONS | {"COMMA"}:
            name = str(token)
    return name


def type_first(slip: Slip) -> Diagnostic | None:
    """``param real x``, and ``param a b``."""
    if slip.first.type not in DECLARATIONS | {"FIND"} or slip.type != "NAME" or slip.inside:
        return None
    if slip.previous == "NAME" and str(slip.at(slip.position - 1)).lower() in _TYPES:
        word = slip.tokens[slip.position - 1]
        advice = f"drop `{word}`: all numbers are real; sizes and sets follow the name, `x[n] in nonneg`"
        return slip.error("E0115", "a declaration begins with the name", slip.span(slip.position - 1), "", advice)
    if slip.previous in ENDS_A_VALUE:
        fix = slip.insert(slip.span(slip.position - 1).end, ",")
        return slip.error("E0100", "names are separated by commas", slip.place, "expected `,` before it", fix)
    return None


def colon(slip: Slip) -> Diagnostic | None:
    """``var x: nonneg``."""
    if slip.first.type not in DECLARATIONS or slip.type != "COLON" or slip.inside:
        return None
    message = "a set is given by `in`; `:` belongs to labels"
    return slip.error("E0115", message, slip.place, "expected `in`", slip.replace(slip.place, " in"))


def parentheses(slip: Slip) -> Diagnostic | None:
    """``param X(m, d)``."""
    if slip.first.type not in DECLARATIONS or slip.type != "LPAR" or slip.inside:
        return None
    return slip.error("E0115", "sizes stand in `[ ]`", slip.place, "expected `[`", "write `name[n]`, as in `name[i]`")


def dim_with_more(slip: Slip) -> Diagnostic | None:
    """``dim n[3]`` and ``dim n in nonneg``."""
    if slip.first.type != "DIM" or slip.previous != "NAME" or slip.type not in ("LSQB", "IN"):
        return None
    message = "a dim is one whole number; it has neither sizes nor a set"
    return slip.error("E0100", message, slip.place, "", "write `dim n`, or with a default `dim n = 3`")


def second_sizes(slip: Slip) -> Diagnostic | None:
    """``param X[m][d]``."""
    if slip.first.type not in ("PARAM", "VAR") or slip.type != "LSQB" or slip.previous != "RSQB" or slip.inside:
        return None
    span = slip.span(slip.position - 1, slip.position)
    message = "all sizes stand in one pair of brackets"
    return slip.error("E0115", message, span, "expected `,`", slip.replace(span, ", "))


def let_with_more(slip: Slip) -> Diagnostic | None:
    """``let f(x) = …``, ``let x[n] = …``, ``let x in S = …``, ``let a = 1, b = 2``, ``let x``."""
    if slip.first.type != "LET":
        return None
    if slip.position == 2:
        match slip.type:
            case "LPAR":
                fix = slip.replace(slip.span(0), "fn")
                return slip.error("E0100", "a function is declared by `fn`", slip.span(0), "", fix)
            case "LSQB":
                message = "a `let` takes its sizes from its value"
                fix_text = "an array over a dim: `let a = [… for i in n]`"
                return slip.error("E0100", message, slip.place, "expected `=`", fix_text)
            case "IN":
                message = "a `let` takes its set from its value"
                return slip.error(
                    "E0100", message, slip.place, "expected `=`", "a constraint: `… in SET` under `subject to`"
                )
            case "END":
                return slip.error(
                    "E0100",
                    "a `let` needs a value",
                    slip.place,
                    "expected `= …`",
                    "an input without a value is a `param`",
                )
    if slip.type == "COMMA" and not slip.inside:
        return slip.error("E0100", "a `let` names one value", slip.place, "", "begin a new line with another `let`")
    return None


def keyword_as_name(slip: Slip) -> Diagnostic | None:
    """``param set``, ``let for = 2``."""
    token = slip.token
    if token is None or token not in KEYWORDS or "NAME" not in slip.accepted or slip.previous not in _NAMING:
        return None
    if slip.inside and slip.first.type not in ("FN", "MODEL", "SET", "ATOM"):
        return None
    if slip.previous == "COMMA" and slip.following == "NAME":
        return None
    fix = slip.replace(slip.place, f"{token}_")
    return slip.error("E0108", f"`{token}` is a word of the language, not a name", slip.place, "", fix)


def header_missing(slip: Slip) -> Diagnostic | None:
    """``fn f x = …``, ``model g { … }``."""
    if slip.first.type not in ("FN", "MODEL", "ATOM") or slip.position != 2 or slip.token is None:
        return None
    advice = f"`{slip.first} {slip.at(1)}(…)`, with `()` where there is nothing to hand over"
    return slip.error("E0100", "a header in parentheses follows the name", slip.place, "expected `(`", advice)


def braces(slip: Slip) -> Diagnostic | None:
    """Braces where no block can stand, and blocks without braces."""
    if slip.type in ("LBRACE", "RBRACE"):
        advice = "group by `( )`, list by `[ ]`; `{ }` holds the block of a fn, model or atom, and what a set is"
        return slip.error("E0100", f"`{slip.token}` cannot stand here", slip.place, "", advice)
    if "LBRACE" not in slip.accepted:
        return None
    message = "a block is missing"
    if slip.first.type == "FN":
        fix: Fix | str = "`fn f(x) = …`, or `fn f(x) { let …; return … }`"
    elif slip.first.type == "SET":
        message = "a set is written in braces"
        fix = "`set ball2(r) = {x[n] : norm2(x) <= r}`"
    else:
        fix = f"`{slip.first} … {{`, its statements, `}}`; the `{{` stands on the line of `{slip.first}`"
    return slip.error("E0100", message, slip.place, "expected `{`", fix)


SLIPS = (
    bound,
    type_first,
    colon,
    parentheses,
    dim_with_more,
    second_sizes,
    let_with_more,
    keyword_as_name,
)
LATE_SLIPS = (header_missing, braces)
