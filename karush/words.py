"""The words of the language in one list: editors, the highlighter and the language server all read them here.

Keywords are those of the grammar, names those of the library; only what each word means is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from karush.compiler.library import Library, load_library
from karush.compiler.resolving.calls import LANGUAGE_NAMES
from karush.compiler.resolving.options import DERIVATIVES, SOLVERS
from karush.dsl.tokens import CLAUSE_WORDS, KEYWORDS

STATEMENTS: Mapping[str, str] = {
    "dim": "Sizes: `dim n, T = 20`. Without a default a size is read off the data.",
    "param": "Inputs: `param X[m, d] in S = default`. The set is checked when the data come.",
    "var": "Unknowns: `var w[n] in S = start`. The set is a constraint.",
    "let": "A named quantity: `let r = X @ w - y`. A let of the file is part of the result.",
    "fn": "A function: `fn f(x, y[n]) = expr`, or `fn f(x) { let …; return … }`.",
    "model": "A problem inside a file: `model inner(X[m, d]) { … }`. A call gives its solution record.",
    "atom": "A function with convex structure: its value, curvature, monotonicity, graph form.",
    "set": "A set: `set halfspace(a[n], b) = {x[n] : a @ x <= b}`.",
    "import": 'Another file as a model, `import "svm.opt" as svm`, or a module of the library.',
    "minimize": "The objective: `minimize [label:] expr`; with `over x maximize over y` a saddle point.",
    "maximize": "The objective: `maximize [label:] expr`.",
    "find": "Unknowns without an objective: equations, fixed points, complementarity.",
    "subject to": "Begins the list of constraints.",
    "using": "The file's default solver: `using ipm(tol = 1e-8)`.",
    "derivative": "The method of differentiation: `derivative implicit(active = 1e-6)`; or a rule at ties.",
    "return": "The value of a `fn` block.",
}
"""The words that begin a statement."""

OPERATORS: Mapping[str, str] = {
    "for": "A clause: `for i in n, j in range(1, m) if i < j`.",
    "in": "Membership: in a set, or in an index set within a clause.",
    "if": "A choice `if c then a else b`, or the filter of a clause.",
    "then": "The value where the condition of `if` holds.",
    "else": "The value where the condition of `if` does not hold.",
    "and": "Both conditions.",
    "or": "One condition at least.",
    "not": "The opposite condition.",
    "perp": "Complementarity: `0 <= x perp F(x) >= 0`.",
}
"""The words within expressions and clauses."""

CONSTANTS: Mapping[str, str] = {"true": "The condition that holds.", "false": "The condition that does not hold."}

CONTEXTUAL: Mapping[str, str] = {
    "over": "The unknowns of a side of a saddle point.",
    "as": "The name under which an import is known.",
    "to": "Of `subject to`.",
    "primitive": "A function of the package, by name.",
    "rule": "The element of a derivative at a tie: `derivative rule(relu = 0.5)`.",
}
"""Words in one kind of statement only; names elsewhere."""

CLAUSES: Mapping[str, str] = {
    "value": "What the atom is: an expression, or a primitive.",
    "range": "A set that holds every value.",
    "convex": "Jointly convex in these arguments.",
    "concave": "Jointly concave in these arguments.",
    "affine": "Jointly affine in these arguments.",
    "nondecreasing": "How the atom moves with an argument: it does not fall.",
    "nonincreasing": "How the atom moves with an argument: it does not rise.",
    "rule": "The partial derivative in an argument; at a tie one element of the conservative one.",
    "graph": "A nameless inner model whose optimal value is the atom.",
    "prox": "The proximal operator.",
}
"""The words that begin a clause of an atom."""

FUNCTIONS: Mapping[str, tuple[str, str]] = {
    "range": ("range(start, stop, step)", "Integers from start up to stop, without it; as an index set or an array."),
    "concat": ("concat(a, b, …)", "Arrays one after the other, along the first axis."),
    "stack": ("stack(a, b, …)", "Arrays of one shape along a new first axis."),
    "zeros": ("zeros(n, m, …)", "An array of zeros."),
    "ones": ("ones(n, m, …)", "An array of ones."),
    "eye": ("eye(n)", "The identity matrix."),
    "reshape": ("reshape(x, n, m, …)", "The same entries in another shape, row by row."),
    "norm": ("norm(x, p)", "The p-norm of a vector."),
    "dual": ("dual(label)", "The multipliers of the rows of this label, known after the solve."),
    "grad": ("grad(e, x)", "The gradient of a scalar in x."),
    "jacobian": ("jacobian(e, x)", "The derivative of an array in x: the axes of e, then those of x."),
    "hessian": ("hessian(e, x)", "The second derivative of a scalar in x."),
    "jvp": ("jvp(e, x, v)", "The derivative of e in x along v."),
    "vjp": ("vjp(e, x, v)", "The derivative of v·e in x."),
    "argmin": ("argmin(e for y[n] in S)", "Where a convex function of y is least."),
    "minimum": ("minimum(e for y[n] in S)", "The least value of a convex function of y."),
    "fixpoint": ("fixpoint(g(z) for z[h])", "The z with z = g(z)."),
    "root": ("root(F(z) == 0 for z[h])", "The z with F(z) = 0."),
    "sum": ("sum(e for i in n if c)", "The sum over the binders; of an array, over all entries."),
    "mean": ("mean(e for i in n)", "The mean over the binders; of an array, over all entries."),
    "prod": ("prod(e for i in n)", "The product over the binders; of an array, over all entries."),
    "max": ("max(e for i in n)", "The greatest over the binders or of an array; of two and more, entry by entry."),
    "min": ("min(e for i in n)", "The least over the binders or of an array; of two and more, entry by entry."),
    "logsumexp": ("logsumexp(e for i in n)", "log of the sum of exponentials: a smooth greatest."),
}
"""Functions that are words of the language, with their forms and meanings."""


@dataclass(frozen=True)
class Words:
    """All words of the language by kind, each kind in alphabetical order."""

    statements: tuple[str, ...]
    operators: tuple[str, ...]
    constants: tuple[str, ...]
    contextual: tuple[str, ...]
    clauses: tuple[str, ...]
    functions: tuple[str, ...]
    sets: tuple[str, ...]
    solvers: tuple[str, ...]
    methods: tuple[str, ...]

    @property
    def keywords(self) -> tuple[str, ...]:
        """The words that are never names; ``subject to`` is one of them, of two words."""
        return (*self.statements, *self.operators, *self.constants)


def words(library: Library | None = None) -> Words:
    """The words of the language, with the names of a library (by default that of the package)."""
    known = load_library() if library is None else library
    reserved = KEYWORDS | {"subject to"}
    return Words(
        statements=_sorted(reserved - OPERATORS.keys() - CONSTANTS.keys()),
        operators=_sorted(OPERATORS),
        constants=_sorted(CONSTANTS),
        contextual=_sorted(CONTEXTUAL),
        clauses=_sorted(CLAUSE_WORDS),
        functions=_sorted(known.atom_names() | LANGUAGE_NAMES),
        sets=_sorted(known.set_names()),
        solvers=_sorted(SOLVERS),
        methods=_sorted(DERIVATIVES),
    )


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
