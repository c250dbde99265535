"""The element of derivatives at ties as callers state it: ``"torch"``, ``"relu=0.5,max=left"``, a mapping."""

from __future__ import annotations

import math
from collections.abc import Mapping

from karush.compiler.library import Library
from karush.compiler.resolving.options import rule_names, tied_atoms
from karush.dsl.spelling import closest
from karush.stdlib.primitive_names import TIE_WORDS
from karush.stdlib.primitives.ties import Element, Tie, Ties

Stated = str | Mapping[str, str | float]


def parse_ties(text: str) -> Stated:
    """``--tie RULE``: one word for all operations, or NAME=RULE with commas between."""
    if "=" not in text:
        return text.strip()
    found: dict[str, str | float] = {}
    for part in text.split(","):
        name, equals, rule = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not rule:
            raise ValueError(f"{part.strip()!r} is not NAME=RULE")
        if name in found:
            raise ValueError(f"`{name}` is given twice")
        found[name] = _number(rule)
    return found


def read_ties(library: Library, stated: Stated) -> Ties:
    """The choices; ValueError for what is none, with the words and names that there are."""
    if isinstance(stated, str):
        return Ties(_word(stated))
    own: dict[str, Tie] = {}
    for name, rule in stated.items():
        element = _word(rule) if isinstance(rule, str) else Element(_finite(name, rule))
        found = rule_names(library, name, is_word=isinstance(rule, str))
        if not found:
            raise ValueError(_unknown(library, name, is_word=isinstance(rule, str)))
        own.update(dict.fromkeys(found, element))
    return Ties(own=tuple(own.items()))


def _word(word: str) -> Element:
    if word not in TIE_WORDS:
        raise ValueError(f"{word!r} is no rule for ties; the rules are {', '.join(TIE_WORDS)}, or NAME=NUMBER")
    return Element(word)


def _number(rule: str) -> str | float:
    try:
        return float(rule)
    except ValueError:
        return rule


def _finite(name: str, number: float) -> float:
    if isinstance(number, bool) or not math.isfinite(number):
        raise ValueError(f"the element of `{name}` is a number, not {number}")
    return float(number)


def _unknown(library: Library, name: str, *, is_word: bool) -> str:
    tied = tied_atoms(library)
    if library.atom(name) is None:
        meant = closest(name, tied)
        return f"there is no atom `{name}`" + (f"; did you mean `{meant}`?" if meant else "")
    if not is_word and rule_names(library, name, is_word=True):
        return f"no number stands for the element of `{name}`; the rules are {', '.join(TIE_WORDS)}"
    return f"`{name}` has no tie whose derivative can be chosen; atoms with one: {', '.join(tied)}"
