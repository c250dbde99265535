"""Which statements may stand where, and how often: what the grammar of single statements cannot say."""

from __future__ import annotations

from collections.abc import Iterator

from lark import Token

from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.layout_errors import span_of
from karush.dsl.slips_statements import meant_keyword
from karush.dsl.source import Source, Span
from karush.dsl.spelling import closest
from karush.dsl.tokens import CLAUSE_WORDS

RESERVED = frozenset({"T", "objective", "status", "dual", "derivative"})
"""What a var, let or param may not be called: fields of solutions and the transpose."""

_PROBLEM = (ast.Objective, ast.Saddle, ast.Find)


class Block:
    """The statements of a file or block seen so far; ``context`` is ``file``, ``fn``, ``model`` or ``atom``."""

    def __init__(self, context: str) -> None:
        self.context = context
        self.seen: dict[str, ast.Statement] = {}
        self.stray = False  # a constraint outside of the list was reported
        self.damaged = False  # a statement of the block could not be read

    @property
    def listing(self) -> bool:
        """Whether the list of ``subject to`` has begun."""
        return "subject to" in self.seen

    def check(self, statement: ast.Statement) -> Iterator[Diagnostic]:
        """What is wrong with the place of the next statement."""
        trouble = self.out_of_place(statement) or self.repeated(statement)
        if trouble is not None:
            yield trouble
        yield from reserved_names(statement)

    def finish(self, header: ast.Statement) -> Iterator[Diagnostic]:
        """What a block lacks, once all of it was seen; it belongs to the statement ``header``."""
        if self.damaged:
            return
        if self.context == "fn" and "return" not in self.seen:
            message, fix = "the function returns nothing", "end the block with `return …`"
        elif self.context == "atom" and "value" not in self.seen:
            message, fix = "the atom has no value", 'add `value = …`, or `value = primitive "name"`'
        else:
            return
        span = getattr(header, "name_span", header.span)
        yield Diagnostic("E0113", message, (Label(span),), fixes=(Fix(fix),))

    def out_of_place(self, statement: ast.Statement) -> Diagnostic | None:
        """A statement of a kind that this block does not hold."""
        if self.context == "atom":
            return None
        if self.context == "fn":
            return self.out_of_fn(statement)
        if isinstance(statement, ast.Return):
            return _misplaced(statement, "`return` belongs in the block of a `fn`", "a result is named by `let`")
        if self.context == "model" and isinstance(statement, ast.Param):
            return _misplaced(statement, "the params of an inner model stand in its header", "`model name(X[m, d]) {`")
        if self.context == "model" and isinstance(statement, ast.Import):
            return _misplaced(statement, "an `import` stands at the top of a file", "move it out of the block")
        if isinstance(statement, ast.Constraint) and not self.listing:
            return self.stray_constraint(statement)
        return None

    def stray_constraint(self, statement: ast.Constraint) -> Diagnostic | None:
        """An expression on a line of its own before any ``subject to``; that this is missing is said once."""
        if not isinstance(statement.relation, ast.Compare | ast.Membership | ast.Perp):
            self.stray = True
            return _lone_expression(statement)
        if self.stray or self.damaged:  # the statement that could not be read may have been meant to begin the list
            return None
        self.stray = True
        if statement.span.text.startswith("s.t."):
            span = Span(statement.span.source, statement.span.start, statement.span.start + len("s.t."))
            return _unknown_word(span, "subject to")
        return _misplaced(statement, "a constraint stands after `subject to`", "put a line `subject to` before it")

    def out_of_fn(self, statement: ast.Statement) -> Diagnostic | None:
        """What is not part of a function."""
        if not isinstance(statement, ast.Let | ast.Return):
            return _misplaced(statement, "a function holds `let` and `return` only", "move it out of the function")
        if "return" in self.seen:
            return _misplaced(statement, "`return` is the last statement of a function", "move it up, or drop it")
        return None

    def repeated(self, statement: ast.Statement) -> Diagnostic | None:
        """A statement of which there is one already."""
        key = _kind_once(statement)
        if key is None:
            return None
        earlier = self.seen.setdefault(key, statement)
        if earlier is statement or key == "return":
            return None
        labels = (Label(statement.span, "the second"), Label(earlier.span, "the first"))
        fixes = (Fix(_REPEATED.get(key, f"keep one `{key}`")),)
        return Diagnostic("E0109", f"there is a second {_NAMED.get(key, f'`{key}`')}", labels, fixes=fixes)


_NAMED = {"problem": "objective or `find`", "derivative": "`derivative` method"}
_REPEATED = {
    "problem": "keep one; several aims are added with weights: `minimize a + 0.1 * b`",
    "subject to": "drop it: the list of constraints goes on to the end of the model",
}


def _kind_once(statement: ast.Statement) -> str | None:
    """Under which name a statement counts, of which a block holds one; None for others."""
    if isinstance(statement, _PROBLEM):
        return "problem"
    if isinstance(statement, ast.Derivative):
        return None if statement.name == "rule" else "derivative"
    if isinstance(statement, ast.AtomRule):
        return f"rule {statement.name}"
    for kind, word in _ONCE.items():
        if isinstance(statement, kind):
            return word
    return None


_ONCE: dict[type[ast.Statement], str] = {
    ast.SubjectTo: "subject to",
    ast.Using: "using",
    ast.Return: "return",
    ast.AtomValue: "value",
    ast.AtomRange: "range",
    ast.AtomGraph: "graph",
    ast.AtomProx: "prox",
}


def _misplaced(statement: ast.Statement, message: str, fix: str) -> Diagnostic:
    return Diagnostic("E0109", message, (Label(statement.span),), fixes=(Fix(fix),))


def _lone_expression(statement: ast.Constraint) -> Diagnostic:
    """A line that declares nothing and compares nothing; often an unknown word for ``subject to``."""
    first = _first_name(statement.relation)
    meant = meant_keyword(first.id) if first is not None and statement.label is None else None
    if first is not None and meant is not None:
        return _unknown_word(first.span, meant)
    return _misplaced(statement, "an expression alone says nothing", "give it a name: `let name = …`")


def _first_name(expr: ast.Expr) -> ast.Name | None:
    """The name that an expression begins with: `minimise` in `minimise (x - 1)^2`, which reads as a call."""
    while not isinstance(expr, ast.Name):
        match expr:
            case ast.Binary(left=part) | ast.Call(function=part) | ast.Index(value=part) | ast.Attribute(value=part):
                expr = part
            case _:
                return None
    return expr


def _unknown_word(span: Span, meant: str) -> Diagnostic:
    label = Label(span, f"did you mean `{meant}`?")
    message = f"unknown word `{span.text}` at the beginning of a statement"
    return Diagnostic("E0100", message, (label,), fixes=(Fix(f"write `{meant}`", span, meant),))


def unknown_clause(source: Source, token: Token) -> Diagnostic:
    """A statement in an atom that begins with none of its words."""
    meant = closest(token, CLAUSE_WORDS)
    words = ", ".join(CLAUSE_WORDS)
    span = span_of(source, token)
    fix = Fix(f"a clause begins with one of: {words}") if meant is None else Fix(f"write `{meant}`", span, meant)
    return Diagnostic("E0109", f"`{token}` begins no clause of an atom", (Label(span),), fixes=(fix,))


def reserved_names(statement: ast.Statement) -> Iterator[Diagnostic]:
    """Vars, lets and params with the name of a field."""
    names = []
    if isinstance(statement, ast.Param | ast.Var):
        names = [(item.name, item.name_span) for item in statement.items]
    elif isinstance(statement, ast.ModelBlock):
        names = [(item.name, item.name_span) for item in statement.header]
    elif isinstance(statement, ast.Let):
        names = [(statement.name, statement.name_span)]
    for name, span in names:
        if name in RESERVED:
            what = "`e.T` is the transpose" if name == "T" else f"every solution has a field `{name}`"
            fix = Fix(f"{name}_", span, f"{name}_")
            yield Diagnostic("E0108", f"`{name}` cannot be declared", (Label(span, what),), fixes=(fix,))
