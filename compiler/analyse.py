"""The front half of the compiler on one screen: text to typed model, facts, class and findings. No JAX, no NumPy.

    text ──parse──▶ Module ──resolve──▶ Model ──derive_facts──▶ Facts ──classify──▶ Classification

Every stage gives what it could make and its findings; the last two run only on a model without errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from karush.compiler.facts.call_arguments import arguments_outside, set_arguments_outside
from karush.compiler.facts.classify import Classification
from karush.compiler.facts.differentiability import doubtful_derivatives
from karush.compiler.facts.fact import Facts
from karush.compiler.library import Library, load_library
from karush.compiler.model import InSet, Model
from karush.compiler.nested import inner_models
from karush.compiler.part import Part, part_of
from karush.compiler.reductions.declared import slips_of_declarations
from karush.compiler.resolving.options import derivative_fit, solver_fit
from karush.compiler.resolving.resolve import extend_library, resolve_file
from karush.dsl import ast
from karush.dsl.diagnostics import MOST_FINDINGS, Diagnostic, Severity
from karush.dsl.parse import parse
from karush.dsl.source import Source


@dataclass(frozen=True, eq=False)
class Analysis:
    """What is known of a text without data.

    ``model`` is None where an error stands in the way of one; ``facts`` and ``classification`` then are too. A model
    may come with errors all the same, when its class cannot be solved yet. ``library`` holds the atoms and sets of the
    package and those that the file declares. ``parts`` are the models within. ``diagnostics`` are in the order of the
    text.
    """

    module: ast.Module
    library: Library
    model: Model | None
    facts: Facts | None
    classification: Classification | None
    diagnostics: tuple[Diagnostic, ...]
    parts: Mapping[Model, Part] = field(default_factory=dict)
    own: Part | None = None

    @property
    def whole(self) -> Part:
        """The file's own model with what is known of it. There is one where nothing failed."""
        assert self.own is not None
        return self.own

    @property
    def failed(self) -> bool:
        """Whether a finding is an error."""
        return any(d.severity is Severity.ERROR for d in self.diagnostics)


def analyse(source: Source, root: Path | None = None) -> Analysis:
    """Everything that the text alone tells. Imports may not leave ``root``, by default the folder of the source."""
    module, unread = parse(source)
    return analyse_module(module, unread, root)


def analyse_module(module: ast.Module, unread: list[Diagnostic], root: Path | None = None) -> Analysis:
    """Everything that a syntax tree tells; ``unread`` is what was found wrong in reading it."""
    base = load_library()
    library = extend_library(module, base)
    resolved = resolve_file(module, base, complete=not unread, root=root)
    model = resolved.model
    findings = [*unread, *resolved.findings, *(slips_of_declarations(library) if model is not None else ())]
    if model is None or any(d.severity is Severity.ERROR for d in findings):
        return Analysis(module, library, None, None, None, in_order(findings))
    parts = {inner: _part(inner, resolved.libraries.get(inner, library), findings) for inner in inner_models(model)}
    whole = _part(model, library, findings)
    return Analysis(module, library, model, whole.facts, whole.classification, in_order(findings), parts, whole)


def _part(model: Model, library: Library, findings: list[Diagnostic]) -> Part:
    """What is known of one model; its findings are added."""
    part = part_of(model, library)
    facts, classification = part.facts, part.classification
    findings += [*classification.diagnostics, *doubtful_derivatives(model, facts)]
    findings += [*arguments_outside(model, facts), *set_arguments_outside(model, facts, library)]
    name = classification.problem_class
    fits = (solver_fit(model.using, name), derivative_fit(model.derivative, name))
    findings += [unfit for unfit in fits if unfit is not None]
    if classification.problem_class == "GP":
        _without_open_sets(model, findings)
    return part


def _without_open_sets(model: Model, findings: list[Diagnostic]) -> None:
    """In logarithms `pos` means what it says: no word of its boundary."""
    uses = [var.set for var in model.vars.values()]
    uses += [constraint.set for constraint in model.constraints if isinstance(constraint, InSet)]
    spans = {use.span for use in uses if use is not None and use.interior}
    findings[:] = [f for f in findings if f.code != "W0611" or f.labels[0].span not in spans]


def analyse_text(text: str, name: str = "<string>") -> Analysis:
    """``analyse`` of a text that is no file."""
    return analyse(Source(name, text))


def in_order(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Findings by their places, each said once; of very many the first errors, and how many more there are."""
    distinct = {(f.code, f.labels[0].span if f.labels else None): f for f in reversed(list(findings))}
    ordered = sorted(distinct.values(), key=_place)
    if len(ordered) <= MOST_FINDINGS:
        return tuple(ordered)
    chosen = sorted(ordered, key=lambda f: f.severity is not Severity.ERROR)[:MOST_FINDINGS]
    *told, last = sorted(chosen, key=_place)
    more = ("note", f"{len(ordered) - MOST_FINDINGS} more findings are not shown")
    return (*told, replace(last, notes=(*last.notes, more)))


def _place(finding: Diagnostic) -> int:
    return finding.labels[0].span.start if finding.labels else 0
