"""What a model says, in print: its mathematics, its interface, its typed form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from karush.compiler.model import (
    Binder,
    Complementarity,
    Constant,
    Constraint,
    Dim,
    Expr,
    InSet,
    Kind,
    Model,
    ModelCall,
    Param,
    Relation,
    SetUse,
    Var,
)
from karush.compiler.nested import inner_models
from karush.compiler.show.text import RELATIONS, SUM, Printer, call_words, pretty, show_range, show_set, show_size
from karush.dsl.source import Source, Span
from karush.stdlib.shape import Shape, Size, show_shape

WORDS = {Kind.REAL: "real", Kind.INTEGER: "whole numbers", Kind.BOOLEAN: "true or false"}


# ---------------------------------------------------------------- mathematics


def show_math(model: Model) -> str:
    """The problem as mathematics in plain text."""
    printer = Printer()
    lines = [f"{model.name}" + (f": {model.doc}" if model.doc else ""), ""]
    if model.objective is not None:
        unknowns = ", ".join(map(pretty, model.vars))
        lines.append(f"  {model.objective.sense} over {unknowns}   {printer.show(model.objective.value)}")
    elif model.find is not None:
        lines.append(f"  find {', '.join(map(pretty, model.find))}")
    constraints = [show_constraint(constraint) for constraint in model.constraints]
    domains = [("", f"{pretty(v.name)} ∈ {space(v.shape, v.set)}") for v in model.vars.values()]
    if domains or constraints:
        lines += aligned("  subject to", constraints + domains)
    lets = [(pretty(name), f"= {printer.show(value)}") for name, value in model.lets.items()]
    lines += aligned("  where" if model.vars else "  outputs", lets)
    given = [("", f"{pretty(p.name)} ∈ {space(p.shape, p.set)}{show_default(p)}") for p in model.params.values()]
    lines += aligned("  given", given)
    for inner in model.models:
        lines += [
            "",
            f"  inner model {call_words(inner)}",
            *(f"    {line}" for line in show_math(inner).splitlines()[2:]),
        ]
    return "\n".join(lines) + "\n"


def aligned(title: str, body: list[tuple[str, str]]) -> list[str]:
    """A titled list of (name, text) with the texts in one column."""
    width = max((len(name) for name, _ in body), default=0)
    gap = "  " if width else ""
    return [title, *(f"    {name:<{width}}{gap}{text}" for name, text in body)] if body else []


def space(shape: Shape, use: SetUse | None) -> str:
    """Where a quantity lives: ``ℝ^{m×n}``, ``simplex ⊂ ℝ^n``."""
    sizes = "×".join(show_size(size) for size in shape)
    exponent = "" if not sizes else f"^{sizes}" if sizes.isalnum() else f"^{{{sizes}}}"
    if use is None or use.name == "free":
        return f"ℝ{exponent}"
    text = show_set(use, Printer())
    if use.name == "index" or text[-1] in "₊₋]" or text.startswith("𝕊"):
        return f"{text}{exponent}"
    return f"{text} ⊂ ℝ{exponent}" if exponent else text


def show_default(param: Param) -> str:
    """``, by default 1``."""
    return "" if param.default is None else f", by default {Printer().show(param.default)}"


def show_constraint(constraint: Constraint) -> tuple[str, str]:
    """A constraint as (label, text)."""
    printer = Printer()
    match constraint:
        case Relation():
            text = chain(constraint)
        case InSet():
            text = f"{printer.show(constraint.value, SUM)} ∈ {show_set(constraint.set, printer)}"
        case Complementarity():
            text = f"{chain(constraint.left)} ⟂ {chain(constraint.right)}"
    if constraint.binders:
        ranges = ", ".join(f"{b.name} ∈ {show_range(b)}" for b in constraint.binders)
        condition = f" : {printer.show(constraint.condition)}" if constraint.condition is not None else ""
        text += f"   for {ranges}{condition}"
    return (f"{constraint.label}:" if constraint.label else "", text)


def chain(relation: Relation) -> str:
    """``a ≤ b ≤ c``."""
    operands = [Printer().show(operand, SUM) for operand in relation.operands]
    links = (f" {RELATIONS[sign]} {text}" for sign, text in zip(relation.operators, operands[1:], strict=True))
    return operands[0] + "".join(links)


# ---------------------------------------------------------------- interface


def show_interface(model: Model) -> str:
    """What goes in and what comes out: shapes, sets, defaults, documentation."""
    lines = [model.name + (f": {model.doc}" if model.doc else "")]
    lines += aligned("sizes", [(dim.name, described(dim_words(dim), dim.doc)) for dim in model.dims.values()])
    lines += aligned("params", [(p.name, described(param_words(p), p.doc)) for p in model.params.values()])
    outputs = [(v.name, described(f"{show_shape(v.shape)}, var", v.doc)) for v in model.vars.values()]
    outputs += [(name, f"{show_shape(value.shape)}, let") for name, value in model.lets.items()]
    if model.objective is not None:
        outputs.append(("objective", f"a scalar, {model.objective.sense}d"))
    lines += aligned("outputs", outputs)
    lines += aligned("duals", [(c.label, show_shape(dual_shape(c))) for c in model.constraints if c.label])
    return "\n".join(lines) + "\n"


def described(words: str, doc: str | None) -> str:
    """Words, and what the file says of the thing."""
    return f"{words}   {doc}" if doc else words


def dim_words(dim: Dim) -> str:
    """A size in words."""
    return "from the data" if dim.default is None else f"{dim.default} by default, else from the data"


def param_words(param: Param) -> str:
    """A param in words: shape, kind or set, default."""
    words = show_shape(param.shape)
    if param.set is not None:
        words += f", in {param.set.span.text}"
    elif param.kind is not Kind.REAL:
        words += f", {WORDS[param.kind]}"
    return words if param.default is None else f"{words}, default {' '.join(param.default.span.text.split())}"


def dual_shape(constraint: Constraint) -> Shape:
    """The shape of a dual: one axis per binder, then the expression's."""
    own: Shape = ()
    if isinstance(constraint, Relation):
        own = next((operand.shape for operand in constraint.operands if operand.shape), ())
    elif isinstance(constraint, InSet):
        own = constraint.value.shape
    return tuple(b.length for b in constraint.binders) + own


def interface_schema(model: Model) -> dict[str, Any]:
    """A JSON schema of the data (draft 2020-12)."""
    properties: dict[str, Any] = {}
    for param in model.params.values():
        properties[param.name] = param_schema(param)
    for dim in model.dims.values():
        properties[dim.name] = {"type": "integer", "minimum": 0, "description": dim.doc or "a size"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": model.name,
        "description": model.doc or "",
        "type": "object",
        "properties": properties,
        "required": [p.name for p in model.params.values() if p.default is None],
        "additionalProperties": False,
    }


def param_schema(param: Param) -> dict[str, Any]:
    """The schema of one param: nested lists, or objects keyed by labels; a matrix also as coordinates."""
    schema = leaf_schema(param)
    for size in reversed(param.shape):
        listed: dict[str, Any] = {"type": "array", "items": schema, "$comment": f"{size} entries"}
        if size.value is not None:
            listed |= {"minItems": size.value, "maxItems": size.value}
        schema = {"anyOf": [listed, {"type": "object", "additionalProperties": schema}]}
    if len(param.shape) == 2:
        coo = {"type": "object", "required": ["coo", "shape"]}
        schema = {"anyOf": [*schema["anyOf"], coo]}
    note: dict[str, Any] = {"description": described(param_words(param), param.doc)}
    if isinstance(param.default, Constant):
        note["default"] = param.default.value
    return {**note, **schema}


def leaf_schema(param: Param) -> dict[str, Any]:
    """The schema of one entry."""
    if param.kind is Kind.BOOLEAN:
        return {"enum": [True, False, 0, 1]}
    if param.kind is Kind.INTEGER:
        labelled = param.set is not None and param.set.name == "index"
        return {"type": ["integer", "string"] if labelled else "integer"}
    bounds: Mapping[str, dict[str, Any]] = {
        "nonneg": {"minimum": 0}, "pos": {"exclusiveMinimum": 0},
        "nonpos": {"maximum": 0}, "neg": {"exclusiveMaximum": 0}, "simplex": {"minimum": 0, "maximum": 1},
    }  # fmt: skip
    bound = bounds.get(param.set.name, {}) if param.set is not None else {}
    return {"anyOf": [{"type": "number", **bound}, {"enum": ["inf", "-inf"]}]}


# ---------------------------------------------------------------- typed form


def show_ir(model: Model) -> str:
    """The typed model as an indented tree; a node that is used twice is shown once and then by its number.

    The models within stand behind it, the innermost last.
    """
    parts = [*inner_models(model), model]
    return "\n".join(own_ir(part) for part in reversed(parts))


def own_ir(model: Model) -> str:
    """The tree of one model."""
    numbers: dict[Expr, int] = {}
    lines = [f"model {model.name}"]
    for part in ("dims", "params", "vars", "lets"):
        for name, entry in getattr(model, part).items():
            lines += ir_lines(entry, f"{part[:-1]} {name}", 1, numbers)
    if model.objective is not None:
        lines += ir_lines(model.objective, "objective", 1, numbers)
    for constraint in model.constraints:
        lines += ir_lines(constraint, constraint.label or "constraint", 1, numbers)
    return "\n".join(lines) + "\n"


def ir_lines(value: Any, title: str, depth: int, numbers: dict[Expr, int]) -> Iterator[str]:
    """The lines of one node: its kind, plain fields and shape, then its parts."""
    pending = [(value, title, depth)]
    while pending:
        node, name, level = pending.pop()
        indent = "  " * level
        if not is_dataclass(node) or isinstance(node, Size):
            yield f"{indent}{name}: {node}"
        elif isinstance(node, Expr) and node in numbers:
            yield f"{indent}{name}: #{numbers[node]}"
        else:
            mark = ""
            if isinstance(node, Expr):
                numbers[node] = len(numbers) + 1
                mark = f" #{numbers[node]} {show_shape(node.shape)} {node.kind.value}"
            plain, parts = split_fields(node)
            yield f"{indent}{name}: {type(node).__name__}{mark}{plain}"
            pending += [(part, title, level + 1) for title, part in reversed(parts)]


def split_fields(value: Any) -> tuple[str, list[tuple[str, Any]]]:
    """The fields that are plain, as text, and those that are nodes."""
    plain, parts = "", []
    for entry in fields(value):
        part = getattr(value, entry.name)
        if entry.name in ("shape", "kind") and isinstance(value, Expr):
            continue
        if isinstance(part, Span | Source) or part is None or part == ():
            continue
        if isinstance(value, ModelCall) and entry.name == "arguments":
            parts += [(f"arguments[{name}]", item) for name, item in part.items()]
        elif isinstance(part, Model):
            plain += f" model={part.name}"
        elif isinstance(part, tuple) and is_dataclass(part[0]) and not isinstance(part[0], Size):
            parts += [(f"{entry.name}[{i}]", item) for i, item in enumerate(part)]
        elif is_dataclass(part) and not isinstance(part, Size | Binder):
            parts.append((entry.name, part))
        else:
            plain += plain_field(value, entry.name, part)
    return plain, parts


def plain_field(value: Any, name: str, part: Any) -> str:
    """One plain field as ``name=value``; the name of a declaration stands before it already."""
    if name == "name" and isinstance(value, Dim | Param | Var):
        return ""
    if isinstance(part, Binder | Kind):
        return f" {name}={part.name if isinstance(part, Binder) else part.value}"
    if isinstance(part, Mapping):
        return f" {name}=" + "{" + ", ".join(f"{key}: {item}" for key, item in part.items()) + "}"
    return f" {name}={show_shape(part) if name == 'shape' else part}"
