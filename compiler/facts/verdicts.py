"""The verdict on every output of a file and on its problem: how far it can be differentiated, where not, and why.

    smooth                    a continuous derivative everywhere
    conservative              locally Lipschitz, path differentiable: at ties one element of the derivative, by a rule
    not locally Lipschitz     a slope without bound at an end of a domain, or a pole
    not path differentiable   a jump: no derivative tells of it

These are verdicts on functions of params and unknowns. The solution of a problem is another matter: it has kinks where
a row is weakly active, and the evidence with each derivative says whether it is at one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from karush.compiler.facts.classify import problem_roots
from karush.compiler.facts.fact import Facts, Rough, text_of
from karush.compiler.facts.reach import reached
from karush.compiler.model import Apply, Expr, Kind, Model, Named, Reduce
from karush.dsl.source import Span
from karush.stdlib.lattice import Smoothness

WORDS = {
    Smoothness.SMOOTH: "smooth",
    Smoothness.ONCE: "smooth",
    Smoothness.NONSMOOTH: "conservative",
    Smoothness.SINGULAR: "not locally Lipschitz",
    Smoothness.DISCONTINUOUS: "not path differentiable",
}
KINDS = {
    Smoothness.ONCE: "a kink of the slope of",
    Smoothness.NONSMOOTH: "a kink of",
    Smoothness.SINGULAR: "an unbounded slope of",
    Smoothness.DISCONTINUOUS: "a jump of",
}
MAY_JUMP = "not proved to be without a jump:"
UNPROVED = "not proved to be path differentiable"
PROBLEM = "problem"
MOST_TOLD = 3
"""So many places are told on one line."""


@dataclass(frozen=True)
class Place:
    """A place where an expression is less smooth than its parts."""

    expr: Expr
    rough: Rough

    @property
    def decides(self) -> Expr:
        """What moves to and over the place: of a choice its condition."""
        match self.expr:
            case Apply(atom="if", arguments=(test, *_)):
                return test
            case Reduce(condition=Expr() as test):
                return test
        return self.expr

    @property
    def span(self) -> Span:
        """Where it stands; of a choice its condition."""
        return self.decides.span

    @property
    def word(self) -> str:
        """What it makes of the whole."""
        certain = self.rough.is_certain or self.rough.smoothness is not Smoothness.DISCONTINUOUS
        return WORDS[self.rough.smoothness] if certain else UNPROVED

    @property
    def short(self) -> str:
        """``relu at 0``."""
        return f"{self.rough.what} at {self.rough.where}"

    @property
    def line(self) -> str:
        """``line 3: `relu(x)`: a kink of relu at 0, slope there: 0 (least norm); instead: …``."""
        kind = MAY_JUMP if self.word == UNPROVED else KINDS[self.rough.smoothness]
        said = f"line {self.span.line}: `{text_of(self.expr)}`: {kind} {self.short}"
        rule = f", slope there: {self.rough.rule}" if self.rough.rule else ""
        instead = f"; instead: {self.rough.surrogate}" if self.rough.smoothness > Smoothness.ONCE else ""
        return said + rule + instead


@dataclass(frozen=True)
class Verdict:
    """On an output, or on the functions of the problem.

    ``places`` are its own; ``through`` are the lets in it that share the verdict, and have places of their own.
    """

    name: str
    smoothness: Smoothness
    word: str
    places: tuple[Place, ...]
    through: tuple[str, ...] = ()

    @property
    def deciding(self) -> tuple[Place, ...]:
        """The places that make it what it is."""
        return tuple(place for place in self.places if place.rough.smoothness is self.smoothness)

    @property
    def line(self) -> str:
        """``y: conservative, by `z```."""
        by = f", by {', '.join(f'`{name}`' for name in self.through)}" if self.through else ""
        return f"{self.name}: {self.word}{by}"


def verdict_of(name: str, facts: Facts, roots: Sequence[Expr], known: Mapping[str, Verdict] | None = None) -> Verdict:
    """The verdict on expressions that stand together; the lets that are ``known`` are not looked into again."""
    own: dict[Expr, Place] = {}
    through: dict[str, Verdict] = {}
    for node, skipped in reached(facts, *roots, to_names=known is not None):
        rough = facts.rough.get(node)
        if rough is not None and node not in skipped:
            own[node] = Place(node, rough)
        if known is not None and isinstance(node, Named) and node.name in known:
            through[node.name] = known[node.name]
    smoothness = max((facts[root].smoothness for root in roots), default=Smoothness.SMOOTH)
    words = [place.word for place in own.values() if place.rough.smoothness is smoothness]
    sharing = [verdict for verdict in through.values() if verdict.smoothness is smoothness]
    words += [verdict.word for verdict in sharing]
    word = min(words, key=lambda said: said == UNPROVED, default=WORDS[smoothness])
    return Verdict(name, smoothness, word, tuple(own.values()), tuple(verdict.name for verdict in sharing))


def verdicts(model: Model, facts: Facts) -> Iterator[Verdict]:
    """On every top-level let that is a number, and on objective and constraints together."""
    known: dict[str, Verdict] = {}
    for name, let in model.lets.items():
        if let.kind is not Kind.BOOLEAN:
            known[name] = verdict_of(name, facts, (let,), known)
    yield from known.values()
    roots = tuple(problem_roots(model))
    if roots:
        yield verdict_of(PROBLEM, facts, roots, known)


def summary(found: Iterable[Verdict]) -> str:
    """All verdicts in a few words: the worst, and what makes it so."""
    all_of_them = list(found)
    worst = max(all_of_them, key=lambda verdict: verdict.smoothness, default=None)
    if worst is None:
        return ""
    if worst.smoothness <= Smoothness.ONCE:
        return worst.word
    level = [verdict for verdict in all_of_them if verdict.smoothness is worst.smoothness]
    deciding = [place for verdict in level for place in verdict.deciding]
    word = min((verdict.word for verdict in level), key=lambda said: said == UNPROVED)
    said = list(dict.fromkeys(place.short for place in deciding if place.word == word))
    more = f" and {len(said) - MOST_TOLD} more" if len(said) > MOST_TOLD else ""
    return f"{word}: {', '.join(said[:MOST_TOLD])}{more}"


def record(found: Iterable[Verdict]) -> list[dict[str, Any]]:
    """The verdicts as JSON."""
    return [
        {
            "name": verdict.name,
            "verdict": verdict.word,
            "through": list(verdict.through),
            "places": [_place_record(place) for place in verdict.places],
        }
        for verdict in found
    ]


def _place_record(place: Place) -> dict[str, Any]:
    span, rough = place.span, place.rough
    return {
        "line": span.line,
        "column": span.column,
        "text": text_of(place.expr),
        "verdict": place.word,
        "function": rough.what,
        "at": rough.where,
        "rule": rough.rule,
        "instead": rough.surrogate,
    }
