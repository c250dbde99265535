r"""A problem in LaTeX (amsmath): ``\underset{w}{\text{minimize}} \quad \lVert X b - y \rVert_2^2``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from karush.compiler.model import (
    Apply,
    At,
    Binder,
    Complementarity,
    Comprehension,
    Constant,
    Constraint,
    DualValue,
    Expr,
    InSet,
    Model,
    Named,
    ParamValue,
    Range,
    Reduce,
    Relation,
    SetUse,
    Subscript,
    VarValue,
)
from karush.compiler.show.text import ATOM, COMPARISON, GREEK, POWER, PRODUCT, SUM, Printer, is_row, number, rank_of
from karush.stdlib.shape import Shape, Size

RELATIONS = {
    "==": "=", "<=": r"\le", ">=": r"\ge", "equal": "=", "not_equal": r"\ne", "less": "<", "less_equal": r"\le",
    "greater": ">", "greater_equal": r"\ge", "and": r"\land", "or": r"\lor",
}  # fmt: skip
_NORM = r"\lVert {} \rVert"
AROUND = {
    "abs": r"\lvert {} \rvert", "norm1": _NORM + "_1", "norm2": _NORM + "_2", "norminf": _NORM + r"_\infty",
    "sumsq": _NORM + "_2^2", "norm_fro": _NORM + "_F", "norm_nuc": _NORM + "_*", "sigma_max": _NORM + "_2",
    "floor": r"\lfloor {} \rfloor", "ceil": r"\lceil {} \rceil", "sqrt": r"\sqrt{{{}}}", "inv": "{}^{{-1}}",
}  # fmt: skip
FUNCTIONS = {
    "exp": r"\exp", "log": r"\log", "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "sinh": r"\sinh", "det": r"\det",
    "cosh": r"\cosh", "tanh": r"\tanh", "maximum": r"\max", "minimum": r"\min", "max": r"\max", "min": r"\min",
}  # fmt: skip
REDUCERS = {"sum": r"\sum", "prod": r"\prod", "max": r"\max", "min": r"\min"}
SETS = {
    "nonneg": r"\mathbb{R}_{+}", "nonpos": r"\mathbb{R}_{-}", "pos": r"\mathbb{R}_{++}", "neg": r"\mathbb{R}_{--}",
    "psd": r"\mathbb{S}_{+}", "pd": r"\mathbb{S}_{++}", "sym": r"\mathbb{S}", "free": r"\mathbb{R}",
    "simplex": r"\Delta", "int": r"\mathbb{Z}", "bool": r"\{0, 1\}",
}  # fmt: skip
_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "_#$%&{}"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
)


def latex_name(name: str) -> str:
    r"""A name: ``\gamma``, ``\mathit{ret}``; ``x0`` is ``\mathit{x0}``, for the first entry of ``x`` is ``x_{0}``."""
    stem = name.rstrip("0123456789")
    if stem in GREEK:
        letter = "\\" + {"lam": "lambda", "eps": "varepsilon"}.get(stem, stem)
        return letter if stem == name else rf"{letter}\mathit{{{name[len(stem) :]}}}"
    return name if len(name) == 1 and name.isalnum() else rf"\mathit{{{name.translate(_SPECIAL)}}}"


def latex_size(size: Size) -> str:
    """A size, with its names as names."""
    text = str(Size(tuple(sorted(size.terms, key=lambda term: term[1] < 0)))).replace(" * ", r" \, ")
    return re.sub(r"(?<!\\)\b[^\W\d]\w*", lambda match: latex_name(match[0]), text)


def escaped(text: str) -> str:
    """Text of the user's own within ``\\text{ }``."""
    return " ".join(text.split()).translate(_SPECIAL)


@dataclass(frozen=True)
class Latex(Printer):
    """Prints expressions as LaTeX mathematics."""

    def text(self, expr: Expr) -> tuple[str, int]:
        """The LaTeX of an expression, and how tightly it binds."""
        match expr:
            case Constant(value=bool(value)):
                return rf"\text{{{str(value).lower()}}}", ATOM
            case Constant(value=value):
                return scientific(number(float(value))), ATOM if value >= 0 else SUM
            case ParamValue(name=name) | VarValue(name=name) | Named(name=name):
                return latex_name(name), ATOM
            case DualValue(label=label, side=side):
                return rf"\operatorname{{dual}}(\text{{{escaped(label)}{'.' + side if side else ''}}})", ATOM
            case Subscript():
                return f"{self.show(expr.value, ATOM)}_{{{self.items(expr)}}}", ATOM
            case Comprehension():
                return rf"\bigl[{self.show(expr.body)}\bigr]_{{{self.binders(expr.binders)}}}", ATOM
            case Apply():
                return self.application(expr)
            case Reduce():
                return self.reduction(expr)
        size = self.index(expr)
        if size is not None:
            return latex_size(size), SUM if len(size.terms) > 1 else ATOM
        return rf"\text{{{escaped(expr.span.text)}}}", ATOM

    def application(self, expr: Apply) -> tuple[str, int]:
        """Operators and atoms."""
        arguments = expr.arguments
        if expr.atom in OPERATORS:
            return OPERATORS[expr.atom](self, arguments)
        if expr.atom in RELATIONS and len(arguments) == 2:
            left, right = (self.show(a, SUM) for a in arguments)
            return f"{left} {RELATIONS[expr.atom]} {right}", COMPARISON
        if expr.atom in AROUND and len(arguments) == 1:
            inner = self.show(arguments[0], ATOM if expr.atom == "inv" else COMPARISON)
            return AROUND[expr.atom].format(inner), ATOM
        if expr.atom in ("zeros", "ones", "eye"):
            return {"zeros": "0", "ones": r"\mathbf{1}", "eye": "I"}[expr.atom], ATOM
        if expr.atom == "if":
            test, then, other = (self.show(a) for a in arguments)
            return rf"\begin{{cases}} {then} & \text{{if }} {test} \\ {other} & \text{{else}} \end{{cases}}", ATOM
        name = FUNCTIONS.get(expr.atom, rf"\operatorname{{{escaped(expr.atom)}}}")
        return f"{name}({', '.join(self.show(a) for a in arguments)})", ATOM

    def add(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``a + b``."""
        left, right = self.show(arguments[0], SUM), self.show(arguments[1], SUM)
        return (f"{left} - {right[1:].lstrip()}" if right.startswith("-") else f"{left} + {right}"), SUM

    def subtract(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``a - b``."""
        return f"{self.show(arguments[0], SUM)} - {self.show(arguments[1], PRODUCT)}", SUM

    def negate(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``-a``."""
        return f"-{self.show(arguments[0], PRODUCT)}", SUM

    def multiply(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """A thin space between scalars and arrays, a circle between arrays (entry by entry)."""
        sign = r"\circ" if all(rank_of(a) for a in arguments) else r"\,"
        second = arguments[1]
        if sign == r"\," and isinstance(second, Constant):
            sign = r"\cdot"
        return f" {sign} ".join(self.show(a, PRODUCT) for a in arguments), PRODUCT

    def divide(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """A fraction."""
        return rf"\frac{{{self.show(arguments[0])}}}{{{self.show(arguments[1])}}}", PRODUCT

    def power(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``a^{b}``."""
        return f"{{{self.show(arguments[0], ATOM)}}}^{{{self.show(arguments[1])}}}", POWER

    def matmul(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``A x``; a vector on the left is a row."""
        left, right = arguments
        mark = r"^{\top}" if rank_of(left) == 1 and not is_row(left) else ""
        return f"{self.show(left, ATOM if mark else PRODUCT)}{mark} {self.show(right, POWER)}", PRODUCT

    def transpose(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """The transpose."""
        return rf"{{{self.show(arguments[0], ATOM)}}}^{{\top}}", POWER

    def quad(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``x^T P x``."""
        x = self.show(arguments[0], ATOM)
        return rf"{x}^{{\top}} {self.show(arguments[1], ATOM)} {x}", PRODUCT

    def stack(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``[a, b]``."""
        return f"[{', '.join(self.show(a) for a in arguments)}]", ATOM

    def reduction(self, expr: Reduce) -> tuple[str, int]:
        r"""``\sum_{i \in n} e``."""
        condition = rf" \,:\, {self.show(expr.condition)}" if expr.condition is not None else ""
        word = REDUCERS.get(expr.operator, rf"\operatorname{{{escaped(expr.operator)}}}")
        return rf"{word}_{{{self.binders(expr.binders)}{condition}}} {self.show(expr.body, PRODUCT)}", SUM

    def binders(self, binders: tuple[Binder, ...]) -> str:
        r"""``i \in n, t \in 1, \dots, T - 1``."""
        return ", ".join(rf"{latex_name(b.name)} \in {latex_range(b)}" for b in binders)

    def item(self, item: At | Range, axis: Size) -> str:
        """One index."""
        if isinstance(item, At):
            size = self.index(item.index)
            return latex_size(size) if size is not None else self.show(item.index)
        whole = item.start == Size.constant(0) and item.stop == axis
        return ":" if whole else f"{latex_size(item.start)}:{latex_size(item.stop)}"


OPERATORS = {
    "add": Latex.add, "subtract": Latex.subtract, "negate": Latex.negate, "multiply": Latex.multiply,
    "divide": Latex.divide, "power": Latex.power, "matmul": Latex.matmul, "transpose": Latex.transpose,
    "quad": Latex.quad, "stack": Latex.stack,
}  # fmt: skip


def scientific(text: str) -> str:
    r"""``1e-09`` as ``10^{-9}``."""
    mantissa, mark, exponent = text.partition("e")
    if not mark:
        return text
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa} \cdot {power}"


def latex_range(binder: Binder) -> str:
    """What a binder runs through."""
    zero, one = Size.constant(0), Size.constant(1)
    if binder.dim is not None and binder.start == zero and binder.step == 1:
        return latex_name(binder.dim)
    if binder.step == 1:
        return rf"\{{{latex_size(binder.start)}, \dots, {latex_size(binder.start + binder.length - one)}\}}"
    return rf"\{{{latex_size(binder.start)}, {latex_size(binder.start + Size.constant(binder.step))}, \dots\}}"


def latex_set(use: SetUse, printer: Latex) -> str:
    """A set."""
    arguments = [printer.show(a) for a in use.arguments]
    if use.name == "box" and len(arguments) == 2:
        return f"[{arguments[0]}, {arguments[1]}]"
    if use.name == "index" and use.size is not None:
        return rf"\{{0, \dots, {latex_size(use.size - Size.constant(1))}\}}"
    shown = SETS.get(use.name, rf"\operatorname{{{escaped(use.name)}}}")
    return f"{shown}({', '.join(arguments)})" if arguments else shown


def latex_space(shape: Shape, use: SetUse | None) -> str:
    r"""Where a quantity lives: ``\mathbb{R}^{m \times n}``."""
    sizes = r" \times ".join(f"({latex_size(s)})" if len(s.terms) > 1 < len(shape) else latex_size(s) for s in shape)
    exponent = f"^{{{sizes}}}" if shape else ""
    shown = latex_set(use, Latex()) if use is not None else SETS["free"]
    if not shape or use is None or use.name in SETS or use.name in ("index", "box"):
        return f"{shown}{exponent}"
    return rf"{shown} \subset {SETS['free']}{exponent}"


def show_latex(model: Model) -> str:
    """The problem as aligned equations, ready for a document that uses amsmath and amssymb."""
    rows = "".join(f"  {row} \\\\\n" for row in _rows(model))
    return f"\\begin{{align*}}\n{rows}\\end{{align*}}\n"


def _rows(model: Model) -> Iterator[str]:
    printer = Latex()
    unknowns = ", ".join(map(latex_name, model.vars))
    if model.objective is not None:
        goal = rf"\underset{{{unknowns}}}{{\text{{{model.objective.sense}}}}}"
        yield rf"{goal} \quad & {printer.show(model.objective.value)}"
    elif model.saddle is not None:
        sides = (model.saddle.minimized, model.saddle.maximized)
        low, high = (", ".join(map(latex_name, names)) for names in sides)
        yield rf"\min_{{{low}}} \max_{{{high}}} \quad & {printer.show(model.saddle.value)}"
    elif model.find is not None:
        yield rf"\text{{find}} \quad & {', '.join(map(latex_name, model.find))}"
    rows = [f"{latex_constraint(c)}{tag(c.label)}" for c in model.constraints]
    rows += [rf"{latex_name(v.name)} \in {latex_space(v.shape, v.set)}" for v in model.vars.values()]
    yield from titled("subject to", rows)
    lets = {latex_name(name): printer.show(value) for name, value in model.lets.items()}
    yield from titled("where" if model.vars else "outputs", [f"{name} = {value}" for name, value in lets.items()])
    params = [rf"{latex_name(p.name)} \in {latex_space(p.shape, p.set)}" for p in model.params.values()]
    yield from titled("given", params)


def titled(title: str, rows: list[str]) -> Iterator[str]:
    """Rows of which the first one carries a title."""
    for first, row in zip([True, *[False] * len(rows)], rows, strict=False):
        yield rf"\text{{{title}}} \quad & {row}" if first else f"& {row}"


def tag(label: str | None) -> str:
    """The label of a constraint, on the right."""
    return rf" && \text{{({escaped(label)})}}" if label else ""


def latex_constraint(constraint: Constraint) -> str:
    """A constraint with its clause."""
    printer = Latex()
    match constraint:
        case Relation():
            text = chain(constraint)
        case InSet():
            text = rf"{printer.show(constraint.value, SUM)} \in {latex_set(constraint.set, printer)}"
        case Complementarity():
            text = rf"{chain(constraint.left)} \perp {chain(constraint.right)}"
    if not constraint.binders:
        return text
    condition = rf" \,:\, {printer.show(constraint.condition)}" if constraint.condition is not None else ""
    return rf"{text} \quad \forall\, {printer.binders(constraint.binders)}{condition}"


def chain(relation: Relation) -> str:
    r"""``a \le b \le c``."""
    operands = [Latex().show(operand, SUM) for operand in relation.operands]
    links = (f" {RELATIONS[sign]} {text}" for sign, text in zip(relation.operators, operands[1:], strict=True))
    return operands[0] + "".join(links)
