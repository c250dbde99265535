"""What the compiler knows of a name, in words: shape, sign, curvature, how smooth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from karush.compiler.analyse import Analysis
from karush.compiler.facts.fact import Fact, Facts
from karush.compiler.facts.verdicts import verdict_of
from karush.compiler.model import Constraint, Expr, Kind, Model, ParamValue, SetUse, VarValue
from karush.compiler.names.labels import label_of
from karush.dsl.source import Source
from karush.lsp.entities import Entity, Level, Role
from karush.stdlib.lattice import Curvature, Interval
from karush.stdlib.shape import Shape, show_shape

MOST_PLACES = 3
"""So many places are shown where a function is less than smooth."""

KINDS = {Kind.REAL: "", Kind.INTEGER: "whole numbers", Kind.BOOLEAN: "true or false"}


@dataclass(frozen=True)
class Known:
    """Shape and kind of a name's value; its set, and what was derived of it, where there is any."""

    shape: Shape
    kind: Kind = Kind.REAL
    set: SetUse | None = None
    fact: Fact | None = None
    value: Expr | None = None
    facts: Facts | None = None

    @property
    def why(self) -> tuple[str, ...]:
        """Why the curvature is as it is."""
        if self.facts is None or self.value is None or self.value not in self.facts:
            return ()
        return self.facts.explain(self.value)


def _of_value(value: Expr, facts: Facts) -> Known:
    return Known(value.shape, value.kind, None, facts.get(value), value, facts)


class Knowledge:
    """What is known of the names of a file: of those of its model, and of the models within."""

    def __init__(self, analysis: Analysis | None) -> None:
        self.analysis = analysis
        self._leaves: dict[Model, dict[tuple[type, str], Fact]] = {}

    def of(self, entity: Entity) -> Known | None:
        """What is known of an entity; None of names without a value, and where the file never was without errors."""
        scene = self._scene(entity.level)
        if scene is None:
            return None
        model, facts = scene
        goal = model.objective
        match entity.role:
            case Role.LET if entity.name in model.lets:
                return _of_value(model.lets[entity.name], facts)
            case Role.PARAM if entity.name in model.params:
                param = model.params[entity.name]
                return Known(param.shape, param.kind, param.set, self._leaf(model, facts, ParamValue, entity.name))
            case Role.VAR if entity.name in model.vars:
                var = model.vars[entity.name]
                return Known(var.shape, Kind.REAL, var.set, self._leaf(model, facts, VarValue, entity.name))
            case Role.LABEL if goal is not None and goal.label == entity.name:
                return _of_value(goal.value, facts)
            case Role.LABEL:
                return next((Known(_dual_shape(c)) for c in model.constraints if c.label == entity.name), None)
        return None

    def _scene(self, level: Level) -> tuple[Model, Facts] | None:
        """The model that the names of a scope belong to: the file's, or one within."""
        analysis = self.analysis
        if analysis is None or analysis.model is None or analysis.facts is None:
            return None
        if level.kind == "file":
            return analysis.model, analysis.facts
        if level.kind != "model":
            return None
        parts = analysis.parts.items()
        return next(((model, part.facts) for model, part in parts if _values_of(model) == _values(level)), None)

    def _leaf(self, model: Model, facts: Facts, kind: type, name: str) -> Fact | None:
        """What is known of a param or var wherever it stands."""
        if model not in self._leaves:
            leaves = ((e, f) for e, f in facts.table.items() if isinstance(e, ParamValue | VarValue))
            self._leaves[model] = {(type(expr), expr.name): fact for expr, fact in leaves}
        return self._leaves[model].get((kind, name))

    def expression_at(self, offset: int, source: Source) -> Known | None:
        """The smallest expression over a place of this text."""
        analysis = self.analysis
        if analysis is None or analysis.facts is None or analysis.module.source != source:
            return None
        around = (
            expr
            for expr in analysis.facts.table
            if expr.span.start <= offset < expr.span.end and expr.span.source == source
        )
        found = min(around, key=lambda expr: expr.span.end - expr.span.start, default=None)
        return None if found is None else _of_value(found, analysis.facts)


def objective(analysis: Analysis) -> Known | None:
    """What is known of the objective."""
    if analysis.model is None or analysis.model.objective is None or analysis.facts is None:
        return None
    return _of_value(analysis.model.objective.value, analysis.facts)


def _values(level: Level) -> set[str]:
    return {e.name for e in level.names.values() if e.role in (Role.PARAM, Role.VAR, Role.LET)}


def _values_of(model: Model) -> set[str]:
    return {*model.params, *model.vars, *model.lets}


def _dual_shape(constraint: Constraint) -> Shape:
    info = label_of(constraint)
    return () if info is None else info.shape


# ---------------------------------------------------------------- in words


def sign_words(interval: Interval) -> str:
    """``>= 0``, ``in [0, 1]``; nothing where every number is possible."""
    low, high = interval.lower > float("-inf"), interval.upper < float("inf")
    if low and high:
        return f"= {interval.lower:g}" if interval.lower == interval.upper else f"in {interval}"
    if low:
        return f"{'>' if interval.lower_open else '>='} {interval.lower:g}"
    return f"{'<' if interval.upper_open else '<='} {interval.upper:g}" if high else ""


def curvature_words(fact: Fact) -> str:
    """``convex``, ``affine``; in the unknowns."""
    if fact.curvature is Curvature.UNKNOWN:
        return "curvature unknown"
    return fact.curvature.value


def shape_words(known: Known) -> str:
    """``[m, d]``, ``a scalar``."""
    words = KINDS[known.kind]
    return f"{show_shape(known.shape)}, {words}" if words else show_shape(known.shape)


def lines_about(known: Known) -> Iterator[str]:
    """What is known, a line each: shape, sign, curvature, smoothness, reasons."""
    yield f"shape: {shape_words(known)}"
    fact = known.fact
    if fact is None:
        return
    sign = sign_words(fact.interval)
    if sign:
        yield f"values: {sign}"
    if fact.spectrum is not None and known.shape and sign_words(fact.spectrum):
        yield f"symmetric, eigenvalues {sign_words(fact.spectrum)}"
    yield f"curvature: {fact.curvature.value}"
    yield from verdict_lines(known)
    if fact.curvature not in (Curvature.CONSTANT, Curvature.AFFINE):
        for reason in known.why:
            yield f"why: {reason}"


def verdict_lines(known: Known) -> Iterator[str]:
    """How far it can be differentiated, and the places that decide it."""
    fact, facts, value = known.fact, known.facts, known.value
    if fact is None or facts is None or value is None or not facts.moves(fact.dependence):
        return
    verdict = verdict_of("", facts, (value,))
    yield f"derivative: {verdict.word}"
    for place in verdict.deciding[:MOST_PLACES]:
        yield place.line


def hint_words(known: Known) -> str:
    """The same in a few words, behind a name: ``[m] affine``, ``scalar, convex, >= 0``."""
    parts = [show_shape(known.shape) if known.shape else "scalar"]
    if known.fact is not None:
        if not known.fact.is_constant:
            parts.append(curvature_words(known.fact))
        sign = sign_words(known.fact.interval)
        parts += [sign] if sign and len(sign) <= 12 else []
    return ", ".join(parts)
