"""From values that were given to the data of a run: names, labels, sizes, entries and sets, in that order.

Every step works on what the steps before left standing, so that several findings come at once and none is the
follow-up of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from karush.compiler.lowering.infinities import bounding_params
from karush.compiler.model import Model
from karush.data import findings
from karush.data.csv_file import fit_table
from karush.data.given import Binding, Given, Reading, Refused, SparseMatrix
from karush.data.labels import Aligned, align, resolve_labels
from karush.data.sizes import check_conditions, check_ranks, infer_sizes
from karush.data.values import check_numbers, check_set, settled
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.spelling import closest


def bind(model: Model, reading: Reading, infinite: frozenset[str] | None = None) -> Binding | list[Diagnostic]:
    """The data for ``model``, or every finding E0401–E0409 about it.

    ``infinite`` are the params in which ±infinity means "no bound"; by default the model tells.

    For one name a value of higher priority (``-p``) replaces one of lower; two of equal priority are E0405.
    """
    found = list(reading.findings)
    chosen, refused = choose(model, reading, found)
    found.extend(findings.refused(model.params[r.name].span, r) for r in refused if r.name in model.params)
    explicit, values = split_dims(model, chosen, found)
    fitted = [fit_table(g, len(model.params[g.name].shape)) if g.table else g for g in values]
    ranked, wrong = check_ranks(model, fitted)
    found.extend(wrong)
    aligned = align(model, ranked)
    found.extend(aligned.findings)
    absent = set() if reading.findings else unheard(model, reading)
    needed = (p for p in model.params.values() if p.name in absent and p.default is None)
    found.extend(findings.missing_param(param) for param in needed)
    sizes = infer_sizes(model, aligned.values, explicit)
    if not found:
        found.extend(sizes.findings)
    else:  # a size without a value may be the follow-up of a param that was refused
        found.extend(f for f in sizes.findings if f.code != "E0401")
    if found:
        return found
    found.extend(check_conditions(model, sizes.values))
    allowed = bounding_params(model) if infinite is None else infinite
    params = check_entries(model, aligned, sizes.values, allowed, found)
    if found:
        return found
    return Binding(params, sizes.values, aligned.by_dim())


def unheard(model: Model, reading: Reading) -> set[str]:
    """The params for which no value was even tried: neither under their name nor under one that is a slip of it."""
    named = {value.name for value in reading.values} | {refused.name for refused in reading.refused}
    slips = {closest(name, model.params) for name in named if name not in model.params}
    return set(model.params) - named - slips


def choose(model: Model, reading: Reading, found: list[Diagnostic]) -> tuple[list[Given], list[Refused]]:
    """One value for every name: that of the highest priority; E0403 for unknown names, E0405 for a draw."""
    best: dict[str, Given] = {}
    for given in reading.values:
        if given.name not in model.params and given.name not in model.dims:
            found.append(findings.unknown_name(model, given))
            continue
        other = best.get(given.name)
        if other is not None and other.priority == given.priority:
            declared = model.params.get(given.name) or model.dims[given.name]
            found.append(findings.given_twice(declared.span, given.name, other.origin, given.origin))
        elif other is None or given.priority > other.priority:
            best[given.name] = given
    found.extend(
        findings.unknown_name(model, r)
        for r in reading.refused
        if r.name not in model.params and r.name not in model.dims
    )
    return list(best.values()), list(reading.refused)


def split_dims(
    model: Model, chosen: Sequence[Given], found: list[Diagnostic]
) -> tuple[dict[str, tuple[int, str]], list[Given]]:
    """Explicit sizes by dim, as (value, where from), and the values of params."""
    explicit: dict[str, tuple[int, str]] = {}
    values = []
    for given in chosen:
        if given.name in model.params:
            values.append(given)
            continue
        size = whole_size(given)
        if size is None:
            dim = model.dims[given.name]
            found.append(findings.bad_size(dim, given))
        else:
            explicit[given.name] = (size, given.origin)
    return explicit, values


def whole_size(given: Given) -> int | None:
    """The size that a value is: a whole number ≥ 0."""
    if given.traced or given.shape or given.value.dtype.kind not in "if":
        return None
    number = given.value.item()
    return int(number) if np.isfinite(number) and number == int(number) >= 0 else None


def check_entries(
    model: Model, aligned: Aligned, dims: Mapping[str, int], infinite: frozenset[str], found: list[Diagnostic]
) -> dict[str, object]:
    """The params with their entries checked; a traced value passes as it is."""
    concrete: dict[str, Given] = {}
    params: dict[str, object] = {}
    for given in aligned.values:
        param = model.params[given.name]
        if given.traced:
            params[given.name] = given.value
            continue
        resolved = resolve_labels(model, given, aligned.by_dim())
        checked = (
            resolved if isinstance(resolved, Diagnostic) else check_numbers(param, resolved, given.name in infinite)
        )
        taken = checked if isinstance(checked, Diagnostic) else settled(param, checked)
        if isinstance(taken, Diagnostic):
            found.append(taken)
            continue
        concrete[given.name] = taken
        params[given.name] = SparseMatrix(taken.value, taken.pattern) if taken.pattern is not None else taken.value
    known = {name: np.asarray(given.value) for name, given in concrete.items() if given.pattern is None}
    for name, given in concrete.items():
        use = model.params[name].set
        if given.checked and (use is None or not use.arguments):
            continue
        violation = check_set(model.params[name], given, known, dims)
        if violation is not None:
            found.append(violation)
    return params
