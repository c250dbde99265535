"""Arguments of inner models that cannot be in the set of their param, by what is known of their entries; and arguments
of sets on unknowns that cannot be where the set is convex (the exponent of a power cone).
"""

from __future__ import annotations

from collections.abc import Iterator

from karush.compiler.declarations import set_interval
from karush.compiler.dependence import roots_of
from karush.compiler.facts.fact import Facts, text_of
from karush.compiler.library import Library
from karush.compiler.model import InSet, Model, ModelCall
from karush.compiler.nested import calls_below
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.stdlib.lattice import Interval
from karush.stdlib.set import SET_FACTS


def arguments_outside(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    """E0406 for each argument of which no entry can be an element of the set of its param."""
    for call in calls_below(*roots_of(model)):
        yield from _of_call(call, facts)


def _of_call(call: ModelCall, facts: Facts) -> Iterator[Diagnostic]:
    for name, argument in call.arguments.items():
        use = call.model.params[name].set
        known = SET_FACTS.get(use.name) if use is not None else None
        if use is None or known is None or use.arguments or use.size is not None:
            continue
        if apart(facts[argument].interval, known.enclosure):
            labels = (
                Label(argument.span, f"`{text_of(argument)}` cannot be `in {use.name}`"),
                Label(use.span, "the set of the param"),
            )
            fix = Fix(f"another value for `{name}`, or another set in the header of `{call.model.name}`")
            yield Diagnostic("E0406", f"`{name}` of `{call.model.name}` is not in its set", labels, fixes=(fix,))


def set_arguments_outside(model: Model, facts: Facts, library: Library) -> Iterator[Diagnostic]:
    """E0406 for each argument of a set on unknowns that cannot be where the header of the set wants it."""
    uses = [var.set for var in model.vars.values() if var.set is not None]
    uses += [c.set for c in model.constraints if isinstance(c, InSet)]
    for use in uses:
        known = library.set(use.name)
        header = known.declaration.header if known is not None else ()
        for item, argument in zip(header, use.arguments, strict=False):
            if item.set is not None and apart(facts[argument].interval, set_interval(item.set)):
                wanted = item.set.span.text
                label = Label(argument.span, f"`{text_of(argument)}` cannot be `in {wanted}`")
                fix = Fix(f"a value in {wanted}")
                yield Diagnostic("E0406", f"`{item.name}` of `{use.name}` is not in its set", (label,), fixes=(fix,))


def apart(first: Interval, second: Interval) -> bool:
    """Whether two intervals have no number in common."""
    lower = max((first.lower, first.lower_open), (second.lower, second.lower_open))
    upper = min((first.upper, not first.upper_open), (second.upper, not second.upper_open))
    return Interval(lower[0], upper[0], lower[1], not upper[1]).is_empty
