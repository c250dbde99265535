"""Typed expressions as mathematics in plain text: ``½ γ wᵀ Σ w``, ``‖X b − y‖²``, ``Σ_{t ∈ 0..T-1} x[t]ᵀ Q x[t]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from karush.compiler.model import (
    Apply,
    At,
    Binder,
    BinderValue,
    Comprehension,
    Constant,
    DualValue,
    Expr,
    Model,
    Named,
    ParamValue,
    Range,
    Reduce,
    SetUse,
    SizeValue,
    Subscript,
    VarValue,
)
from karush.stdlib.shape import Size

COMPARISON, SUM, PRODUCT, POWER, ATOM = range(5)
"""How tightly a text binds, from the loosest."""

MAX_LEVELS = 50
"""Indices of more operations than these are printed as they stand."""

GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lam": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "pi": "π",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
RELATIONS = {
    "==": "=", "<=": "≤", ">=": "≥",
    "equal": "=", "not_equal": "≠", "less": "<", "less_equal": "≤", "greater": ">", "greater_equal": "≥",
    "and": "∧", "or": "∨",
}  # fmt: skip
AROUND = {
    "abs": ("|", "|"), "norm1": ("‖", "‖₁"), "norm2": ("‖", "‖₂"), "norminf": ("‖", "‖∞"), "sumsq": ("‖", "‖²"),
    "norm_fro": ("‖", "‖_F"), "norm_nuc": ("‖", "‖_*"), "sigma_max": ("‖", "‖₂"), "floor": ("⌊", "⌋"),
    "ceil": ("⌈", "⌉"), "sqrt": ("√(", ")"),
}  # fmt: skip
WORDS = {"maximum": "max", "minimum": "min", "subtract": "-"}
REDUCERS = {"sum": "Σ", "prod": "Π", "mean": "mean", "max": "max", "min": "min", "logsumexp": "logsumexp"}


def pretty(name: str) -> str:
    """A name with Greek letters where it spells one, with or without a number: ``mu``, ``w0``, ``lam2``."""
    stem = name.rstrip("0123456789")
    return GREEK[stem] + name[len(stem) :] if stem in GREEK else name


def call_words(model: Model) -> str:
    """An inner model with its params and its place: ``code(D, x, λ), line 3``."""
    given = dict.fromkeys(pretty(name.partition(" at ")[0]) for name in model.params)
    place = next((aim.span for aim in (model.objective, model.saddle) if aim is not None), None)
    return f"{model.name}({', '.join(given)})" + (f", line {place.line}" if place is not None else "")


def number(value: float) -> str:
    """A number as a person would write it."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"


def rank_of(expr: Expr) -> int:
    """How many axes an expression has."""
    return len(expr.shape)


def is_row(expr: Expr) -> bool:
    """Whether a vector is written as a row: ``w @ A``."""
    return isinstance(expr, Apply) and expr.atom == "matmul" and [rank_of(a) for a in expr.arguments] == [1, 2]


@dataclass(frozen=True)
class Printer:
    """Prints expressions; ``indices`` says what stands for a binder's value, as a size over names of indices."""

    indices: Mapping[Binder, Size] = field(default_factory=dict)
    shown: dict[Expr, tuple[str, int]] = field(default_factory=dict)

    def show(self, expr: Expr, level: int = COMPARISON) -> str:
        """The text of an expression, in parentheses where it binds more loosely than ``level``.

        A chain of operators is printed from its first operand on, with a loop.
        """
        spine = [expr]
        while isinstance(spine[-1], Apply) and spine[-1].arguments and spine[-1] not in self.shown:
            spine.append(spine[-1].arguments[0])
        for node in reversed(spine):
            if node not in self.shown:
                self.shown[node] = self.text(node)
        text, own = self.shown[expr]
        return text if own >= level else f"({text})"

    def text(self, expr: Expr) -> tuple[str, int]:
        """The text, and how tightly it binds."""
        match expr:
            case Constant(value=bool(value)):
                return str(value).lower(), ATOM
            case Constant(value=value):
                return number(float(value)).replace("-", "−"), ATOM if value >= 0 else SUM
            case SizeValue() | BinderValue():
                size = self.index(expr)
                return (show_size(size), size_level(size)) if size is not None else ("?", ATOM)
            case ParamValue(name=name) | VarValue(name=name) | Named(name=name):
                return pretty(name), ATOM
            case DualValue(label=label, side=side):
                return f"dual({label}{'.' + side if side else ''})", ATOM
            case Apply():
                return self.application(expr)
            case Subscript():
                return f"{self.show(expr.value, ATOM)}[{self.items(expr)}]", ATOM
            case Comprehension():
                return f"[{self.show(expr.body)} : {self.binders(expr.binders)}]", ATOM
            case Reduce():
                return self.reduction(expr)
        return " ".join(expr.span.text.split()), ATOM

    def application(self, expr: Apply) -> tuple[str, int]:
        """Operators and atoms."""
        arguments = expr.arguments
        if expr.atom in ARITHMETIC:
            return ARITHMETIC[expr.atom](self, arguments)
        if expr.atom in RELATIONS and len(arguments) == 2:
            left, right = (self.show(a, SUM) for a in arguments)
            return f"{left} {RELATIONS[expr.atom]} {right}", COMPARISON
        if expr.atom in AROUND and len(arguments) == 1:
            opening, closing = AROUND[expr.atom]
            return opening + self.show(arguments[0]) + closing, ATOM
        if expr.atom in ("zeros", "ones", "eye"):
            return {"zeros": "0", "ones": "1", "eye": "I"}[expr.atom], ATOM
        if expr.atom == "if":
            condition, then, other = (self.show(a) for a in arguments)
            return f"({then} if {condition} else {other})", ATOM
        if expr.atom == "stack":
            return f"[{', '.join(self.show(a) for a in arguments)}]", ATOM
        if expr.atom == "quad" and len(arguments) == 2:
            x = self.show(arguments[0], ATOM)
            return f"{x}ᵀ {self.show(arguments[1], ATOM)} {x}", PRODUCT
        return f"{WORDS.get(expr.atom, expr.atom)}({', '.join(self.show(a) for a in arguments)})", ATOM

    def add(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``a + b``."""
        left, right = self.show(arguments[0], SUM), self.show(arguments[1], SUM)
        return (f"{left} − {right[1:]}" if right.startswith("−") else f"{left} + {right}"), SUM

    def subtract(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``a − b``; a negative b is added."""
        if isinstance(arguments[1], Apply) and arguments[1].atom == "negate":
            return self.add((arguments[0], *arguments[1].arguments))
        return f"{self.show(arguments[0], SUM)} − {self.show(arguments[1], PRODUCT)}", SUM

    def negate(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``−a``."""
        return f"−{self.show(arguments[0], PRODUCT)}", SUM

    def multiply(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """A dot between scalars and arrays, a circle between arrays (entry by entry)."""
        if isinstance(arguments[0], Constant):
            return " ".join(self.show(a, PRODUCT) for a in arguments), PRODUCT
        sign = "∘" if all(rank_of(a) for a in arguments) else "·"
        return f" {sign} ".join(self.show(a, PRODUCT) for a in arguments), PRODUCT

    def divide(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``a/b``."""
        return f"{self.show(arguments[0], PRODUCT)}/{self.show(arguments[1], POWER)}", PRODUCT

    def power(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``a²``, or ``a^b``."""
        base, exponent = arguments
        if isinstance(exponent, Constant) and float(exponent.value).is_integer():
            return self.show(base, ATOM) + number(float(exponent.value)).translate(SUPERSCRIPTS), POWER
        return f"{self.show(base, ATOM)}^{self.show(exponent, ATOM)}", POWER

    def matmul(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``A x``; a vector on the left is a row, ``aᵀ x``."""
        left, right = arguments
        mark = "ᵀ" if rank_of(left) == 1 and not is_row(left) else ""
        first = self.show(left, ATOM if mark else PRODUCT)
        return f"{first}{mark} {self.show(right, POWER)}", PRODUCT

    def transpose(self, arguments: tuple[Expr, ...]) -> tuple[str, int]:
        """``Aᵀ``."""
        return f"{self.show(arguments[0], ATOM)}ᵀ", ATOM

    def reduction(self, expr: Reduce) -> tuple[str, int]:
        """``Σ_{i ∈ n : c} e``."""
        condition = f" : {self.show(expr.condition)}" if expr.condition is not None else ""
        return (
            f"{REDUCERS[expr.operator]}_{{{self.binders(expr.binders)}{condition}}} {self.show(expr.body, PRODUCT)}",
            SUM,
        )

    def binders(self, binders: tuple[Binder, ...]) -> str:
        """``i ∈ n, t ∈ 1..T-1``."""
        return ", ".join(f"{b.name} ∈ {show_range(b)}" for b in binders)

    def items(self, expr: Subscript) -> str:
        """What stands within brackets; whole axes at the end are left out."""
        shown = [self.item(item, size) for item, size in zip(expr.items, expr.value.shape, strict=False)]
        while len(shown) > 1 and shown[-1] == ":":
            shown.pop()
        return ", ".join(shown)

    def item(self, item: At | Range, axis: Size) -> str:
        """One index within brackets."""
        if isinstance(item, At):
            size = self.index(item.index)
            return show_size(size) if size is not None else self.show(item.index)
        whole = item.start == Size.constant(0) and item.stop == axis
        return ":" if whole else f"{show_size(item.start)}:{show_size(item.stop)}"

    def index(self, expr: Expr, level: int = 0) -> Size | None:
        """An integer expression in sizes and binders as a polynomial; None where it holds something else."""
        if level == MAX_LEVELS:
            return None
        match expr:
            case SizeValue(size=size):
                return size
            case BinderValue(binder=binder):
                return self.indices.get(binder, Size.of(binder.name))
            case Constant(value=int(value)) if not isinstance(value, bool):
                return Size.constant(value)
            case Apply(atom="negate", arguments=(only,)):
                inner = self.index(only, level + 1)
                return None if inner is None else Size.constant(0) - inner
            case Apply(atom="add" | "subtract" | "multiply" as atom, arguments=(a, b)):
                left, right = self.index(a, level + 1), self.index(b, level + 1)
                if left is None or right is None:
                    return None
                return left + right if atom == "add" else left - right if atom == "subtract" else left * right
        return None


ARITHMETIC = {
    "add": Printer.add, "subtract": Printer.subtract, "negate": Printer.negate, "multiply": Printer.multiply,
    "divide": Printer.divide, "power": Printer.power, "matmul": Printer.matmul, "transpose": Printer.transpose,
}  # fmt: skip


def size_level(size: Size) -> int:
    """How tightly the text of a size binds."""
    if len(size.terms) > 1 or any(coefficient < 0 for _, coefficient in size.terms):
        return SUM
    product = len(size.terms) == 1 and ((size.terms[0][1] != 1 and size.terms[0][0]) or len(size.terms[0][0]) > 1)
    return PRODUCT if product else ATOM


def show_size(size: Size) -> str:
    """A size as text, the positive terms first."""
    text = str(Size(tuple(sorted(size.terms, key=lambda term: term[1] < 0))))
    return text.replace(" * ", " ").replace(" - ", " − ")


def show_range(binder: Binder) -> str:
    """What a binder runs through: ``n``, or ``1..T − 1``."""
    zero, one = Size.constant(0), Size.constant(1)
    if binder.dim is not None and binder.start == zero and binder.step == 1:
        return binder.dim
    if binder.step == 1:
        return f"{show_size(binder.start)}..{show_size(binder.start + binder.length - one)}"
    return f"{show_size(binder.start)}, {show_size(binder.start + Size.constant(binder.step))}, …"


def show_set(use: SetUse, printer: Printer) -> str:
    """A set as text: ``simplex``, ``[−u, u]``, ``ℝ₊``."""
    signs = {"nonneg": "ℝ₊", "nonpos": "ℝ₋", "pos": "ℝ₊₊", "neg": "ℝ₋₋", "psd": "𝕊₊", "pd": "𝕊₊₊", "sym": "𝕊"}
    arguments = [printer.show(a) for a in use.arguments]
    if use.name == "box" and len(arguments) == 2:
        return f"[{arguments[0]}, {arguments[1]}]"
    if use.name == "index" and use.size is not None:
        return f"{{0..{show_size(use.size - Size.constant(1))}}}"
    return signs.get(use.name, use.name + (f"({', '.join(arguments)})" if arguments else ""))
