"""Models within a model taken out of its expressions: each call is solved once, and its fields become params.

A field ``fit.W`` is replaced by a param that is computed from the others by solving the inner problem. A call within a
``for`` clause, ``code(x = X[i]).c``, is solved for all positions of its binders at once (a batch): the param has the
binders' axes in front, and the field is its entry at i. So all that follows, facts and forms and derivatives, knows
params only; the derivative of a solution enters by the chain rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from karush.compiler.dependence import Dependence, children, constraint_roots, roots_of, walk
from karush.compiler.model import (
    Apply,
    At,
    Binder,
    BinderValue,
    Comprehension,
    Constant,
    Expr,
    InlineProblem,
    Kind,
    Model,
    ModelCall,
    ModelField,
    Param,
    ParamValue,
    Range,
    Reduce,
    SizeValue,
    Subscript,
)
from karush.compiler.rewrite import Rewriter, rewrite_model
from karush.stdlib.shape import SCALAR, Shape, Size

STATUS = "status"


@dataclass(frozen=True, eq=False)
class Solve:
    """One call as a step of the program.

    ``arguments`` have the axes of ``binders`` in front where their names stand in ``mapped``. ``fields`` maps a path of
    the solution to the param that takes it. ``late``: it can be solved only once the vars of the model around it are
    known. ``mask``: where its solution is used at all (with the binders' axes); None for everywhere.
    """

    name: str
    call: ModelCall
    arguments: Mapping[str, Expr]
    binders: tuple[Binder, ...]
    mapped: frozenset[str]
    fields: Mapping[tuple[str, ...], str]
    late: bool
    mask: Expr | None

    @property
    def axes(self) -> Shape:
        """The axes of the batch."""
        return tuple(binder.length for binder in self.binders)


@dataclass(frozen=True, eq=False)
class Extraction:
    """A model without calls, the params that stand for fields of solutions, and the calls in the order of solving."""

    model: Model
    solved: Mapping[str, Param] = field(default_factory=dict)
    solves: tuple[Solve, ...] = ()


def extract_calls(model: Model) -> Extraction:
    """Take the calls out of a model; it stays the same one where there are none."""
    if not any(isinstance(node, ModelField | InlineProblem) for node in walk(*roots_of(model))):
        return Extraction(model)
    extractor = _Extractor(model)
    changed = rewrite_model(model, extractor.rewriter)
    return Extraction(changed, extractor.params, tuple(extractor.finished()))


class _Extractor:
    """The rewriting pass, and what it gathers."""

    def __init__(self, model: Model) -> None:
        self.dependence = Dependence()
        self.rewriter = Rewriter(self._replacement)
        self.params: dict[str, Param] = {}
        self.drafts: dict[ModelCall, _Draft] = {}
        self.uses = _uses(model)

    def _replacement(self, node: Expr) -> Expr | None:
        if not isinstance(node, ModelField | InlineProblem):
            return None
        draft = self._draft(node.call)
        name = f"{draft.name}.{'.'.join(node.path)}"
        axes = tuple(binder.length for binder in draft.binders)
        if node.path not in draft.fields:
            draft.fields[node.path] = name
            self.params[name] = _solved_param(node, name, axes)
        whole = ParamValue(name, shape=axes + node.shape, kind=node.kind, span=node.span)
        if not axes:
            return whole
        items = [At(_position(binder, node)) for binder in draft.binders]
        rest = [Range(Size.constant(0), size) for size in node.shape]
        return Subscript(whole, (*items, *rest), shape=node.shape, kind=node.kind, span=node.span)

    def _draft(self, call: ModelCall) -> _Draft:
        if call not in self.drafts:
            values = tuple(call.arguments.values())
            binders = _ordered_binders(values, self.dependence)
            late = any(self.dependence.varies(value) for value in values)
            arguments, mapped = {}, set()
            for name, value in call.arguments.items():
                inside = self.rewriter.expression(value)
                if self.dependence.binders(value):
                    mapped.add(name)
                    inside = _over(binders, inside)
                arguments[name] = inside
            self.drafts[call] = _Draft(f"solve {len(self.drafts)}", arguments, binders, frozenset(mapped), late)
        return self.drafts[call]

    def finished(self) -> Iterable[Solve]:
        """The calls, arguments before what they are given to."""
        for call, d in self.drafts.items():
            mask = self._mask(call, d)
            yield Solve(d.name, call, d.arguments, d.binders, d.mapped, d.fields, d.late, mask)

    def _mask(self, call: ModelCall, draft: _Draft) -> Expr | None:
        """Where a call is used, as far as that can be told before it is solved; None for everywhere."""
        known: list[Expr] = []
        for conditions in self.uses.get(call, ()):
            fit = [c for c in conditions if self._tells(c, draft)]
            if not fit:
                return None
            known.append(_joined("and", fit))
        return _over(draft.binders, self.rewriter.expression(_joined("or", known))) if known else None

    def _tells(self, condition: Expr, draft: _Draft) -> bool:
        inside = self.dependence.binders(condition) <= set(draft.binders)
        return inside and (draft.late or not self.dependence.varies(condition))


@dataclass(eq=False)
class _Draft:
    name: str
    arguments: Mapping[str, Expr]
    binders: tuple[Binder, ...]
    mapped: frozenset[str]
    late: bool
    fields: dict[tuple[str, ...], str] = field(default_factory=dict)


def _solved_param(node: ModelField | InlineProblem, name: str, axes: Shape) -> Param:
    """The param of a field; of a var whose set has no arguments, the set is known."""
    var = node.call.model.vars.get(node.path[0]) if len(node.path) == 1 else None
    use = var.set if var is not None and var.set is not None and not var.set.arguments and not axes else None
    return Param(name, axes + node.shape, node.kind, use, None, node.span)


def _ordered_binders(values: Iterable[Expr], dependence: Dependence) -> tuple[Binder, ...]:
    """The free binders, in the order in which they first occur."""
    found: dict[Binder, None] = {}
    for value in values:
        free = dependence.binders(value)
        for node in walk(value):
            if isinstance(node, BinderValue) and node.binder in free:
                found[node.binder] = None
    return tuple(found)


def _over(binders: tuple[Binder, ...], body: Expr) -> Expr:
    if not binders:
        return body
    shape = tuple(binder.length for binder in binders) + body.shape
    return Comprehension(binders, body, shape=shape, kind=body.kind, span=body.span)


def _position(binder: Binder, node: Expr) -> Expr:
    """The place of a binder's value among its values: (value − start) / step."""
    value: Expr = BinderValue(binder, shape=SCALAR, kind=Kind.INTEGER, span=node.span)
    if binder.start.value != 0:
        start = SizeValue(binder.start, shape=SCALAR, kind=Kind.INTEGER, span=node.span)
        value = Apply("subtract", (value, start), shape=SCALAR, kind=Kind.INTEGER, span=node.span)
    if binder.step != 1:
        step = Constant(binder.step, shape=SCALAR, kind=Kind.INTEGER, span=node.span)
        value = Apply("divide", (value, step), shape=SCALAR, kind=Kind.INTEGER, span=node.span)
    return value


# ---------------------------------------------------------------- where calls are used


def _uses(model: Model) -> dict[ModelCall, list[tuple[Expr, ...]]]:
    """For each call the conditions under which its solution is used, one tuple a place."""
    found: dict[ModelCall, list[tuple[Expr, ...]]] = {}
    seen: set[tuple[Expr, tuple[Expr, ...]]] = set()
    stack: list[tuple[Expr, tuple[Expr, ...]]] = [(root, ()) for root in roots_of(replace(model, constraints=()))]
    for constraint in model.constraints:
        filter_ = constraint.condition
        for root in constraint_roots(constraint):
            stack.append((root, () if filter_ is None or filter_ is root else (filter_,)))
    while stack:
        node, conditions = stack.pop()
        if (node, conditions) in seen:
            continue
        seen.add((node, conditions))
        if isinstance(node, ModelField | InlineProblem):
            found.setdefault(node.call, []).append(conditions)
        stack.extend(_below(node, conditions))
    return found


def _below(node: Expr, conditions: tuple[Expr, ...]) -> list[tuple[Expr, tuple[Expr, ...]]]:
    if isinstance(node, Reduce) and node.condition is not None:
        return [(node.condition, conditions), (node.body, (*conditions, node.condition))]
    if isinstance(node, Apply) and node.atom == "if":
        test, chosen, otherwise = node.arguments
        if test.shape:
            return [(child, conditions) for child in node.arguments]
        negated = Apply("not", (test,), shape=test.shape, kind=Kind.BOOLEAN, span=test.span)
        return [(test, conditions), (chosen, (*conditions, test)), (otherwise, (*conditions, negated))]
    return [(child, conditions) for child in children(node)]


def _joined(word: str, conditions: list[Expr]) -> Expr:
    total = conditions[0]
    for condition in conditions[1:]:
        total = Apply(word, (total, condition), shape=SCALAR, kind=Kind.BOOLEAN, span=condition.span)
    return total
