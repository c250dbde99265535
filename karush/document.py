"""The documentation of a model, made from its ``##`` comments and its typed form; as Markdown or HTML.

A model file is untrusted text: nothing of it stands in a page unescaped, neither as HTML nor as Markdown.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from karush.compiler.analyse import Analysis
from karush.compiler.model import Model, Param, SetUse, Var
from karush.compiler.show.kkt import show_kkt
from karush.compiler.show.stages import WORDS, dim_words, dual_shape, show_constraint, show_math
from karush.compiler.show.text import Printer
from karush.dsl import ast
from karush.dsl.render import clean
from karush.stdlib.shape import Shape, show_shape

Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Rows under a head. Columns named in ``code`` hold text of the model, the others prose."""

    head: Row
    rows: tuple[Row, ...]
    code: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Section:
    """A title with what stands under it: a table, or text that keeps its lines."""

    title: str
    body: Table | str


@dataclass(frozen=True)
class Document:
    """What is said of a model, before it is Markdown or HTML."""

    title: str
    doc: str
    facts: str
    sections: tuple[Section, ...]


# ---------------------------------------------------------------- what is said


def document(analysis: Analysis) -> Document:
    """The documentation of an analysed model; it need not be one that can be solved yet."""
    model = analysis.model
    assert model is not None
    statements = analysis.module.statements
    sections = [
        Section("Sizes", Table(("name", "value", "meaning"), tuple(dim_rows(model)), frozenset({"name"}))),
        Section("Parameters", quantities("default", (param_row(p) for p in model.params.values()))),
        Section("Unknowns", quantities("start", (var_row(v) for v in model.vars.values()))),
        Section("Named quantities", lets(model, statements)),
        Section("Constraints", constraints(model, statements)),
        Section("Functions, sets and models", declarations(statements)),
        Section("Mathematics", mathematics(model)),
    ]
    if model.objective is not None:
        sections.append(Section("Optimality conditions", show_kkt(model)))
    filled = tuple(s for s in sections if isinstance(s.body, str) or s.body.rows)
    return Document(model.name, model.doc or "", facts(analysis), filled)


def facts(analysis: Analysis) -> str:
    """The class of a model in a sentence."""
    kind = analysis.classification
    if kind is None or kind.problem_class == "FUNCTION":
        return "A differentiable function: no unknowns, its named quantities are its outputs."
    convex = {True: ", convex", False: ", not convex", None: ""}[kind.convex]
    return f"Problem class: {kind.problem_class}{convex}."


def mathematics(model: Model) -> str:
    """The problem in mathematics, without the head line and the empty one behind it."""
    _, _, *lines = show_math(replace(model, doc=None)).splitlines()
    return "".join(f"{line.removeprefix('  ')}\n" for line in lines)


def dim_rows(model: Model) -> Iterator[Row]:
    """A row for every size."""
    for dim in model.dims.values():
        yield dim.name, dim_words(dim), dim.doc or ""


def quantities(last: str, rows: Iterable[Row]) -> Table:
    """A table of params or vars; ``last`` names what stands behind ``=``."""
    return Table(("name", "shape", "set", last, "meaning"), tuple(rows), frozenset({"name", "set", last}))


def param_row(param: Param) -> Row:
    """A param: name, shape, set, default, meaning."""
    default = joined(param.default.span.text) if param.default is not None else ""
    words = set_words(param.set) or WORDS[param.kind]
    return param.name, shape_words(param.shape), words, default, param.doc or ""


def var_row(var: Var) -> Row:
    """A var: name, shape, set, start, meaning."""
    start = joined(var.start.span.text) if var.start is not None else ""
    return var.name, shape_words(var.shape), set_words(var.set) or "real", start, var.doc or ""


def set_words(use: SetUse | None) -> str:
    """A set as it is written in the file."""
    return joined(use.span.text) if use is not None else ""


def joined(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def lets(model: Model, statements: Iterable[ast.Statement]) -> Table:
    """The named quantities with their mathematics."""
    docs = {s.name: s.doc for s in statements if isinstance(s, ast.Let)}
    rows = tuple(
        (name, shape_words(value.shape), Printer().show(value), docs.get(name) or "")
        for name, value in model.lets.items()
    )
    return Table(("name", "shape", "mathematics", "meaning"), rows, frozenset({"name", "mathematics"}))


def constraints(model: Model, statements: Iterable[ast.Statement]) -> Table:
    """The constraints: label, mathematics, shape of the dual."""
    written = [s for s in statements if isinstance(s, ast.Constraint)]
    rows = []
    for constraint in model.constraints:
        _, text = show_constraint(constraint)
        label = constraint.label or f"line {constraint.span.line}"
        dual = shape_words(dual_shape(constraint)) if constraint.label else "none"
        place = constraint.span.start
        doc = next((s.doc for s in written if s.span.start <= place < s.span.end), None)
        rows.append((label, joined(text), dual, doc or ""))
    head = ("label", "mathematics", "dual", "meaning")
    return Table(head, tuple(rows), frozenset({"label", "mathematics"}))


def shape_words(shape: Shape) -> str:
    """A shape in a column of shapes."""
    return show_shape(shape) if shape else "scalar"


def declarations(statements: Iterable[ast.Statement]) -> Table:
    """What the file declares besides quantities: its functions, atoms, sets and inner models, by their headers."""
    kinds: dict[type[ast.Statement], str] = {
        ast.Fn: "fn",
        ast.AtomDeclaration: "atom",
        ast.SetDeclaration: "set",
        ast.ModelBlock: "model",
    }
    rows = []
    for statement in statements:
        if isinstance(statement, ast.Fn | ast.AtomDeclaration | ast.SetDeclaration | ast.ModelBlock):
            header = ", ".join(joined(item.span.text) for item in statement.header)
            text = f"{statement.name}({header})" if header else statement.name
            rows.append((kinds[type(statement)], text, statement.doc or ""))
    return Table(("kind", "name", "meaning"), tuple(rows), frozenset({"name"}))


# ---------------------------------------------------------------- as Markdown


def to_markdown(page: Document) -> str:
    """The page as Markdown; text of the file is escaped, so that it is shown as it stands."""
    parts = [f"# {escape_markdown(page.title)}"]
    if page.doc:
        parts.append("\n".join(map(escape_markdown, page.doc.splitlines())))
    parts.append(page.facts)
    for section in page.sections:
        parts.append(f"## {section.title}")
        parts.append(markdown_body(section.body))
    return "\n\n".join(parts) + "\n"


def markdown_body(body: Table | str) -> str:
    """A table, or a fenced block whose fence is longer than any run of its marks within."""
    if isinstance(body, str):
        longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}text\n{clean_lines(body)}{fence}"
    lines = [body.head, tuple("---" for _ in body.head)]
    lines += [tuple(escape_markdown(joined(cell)) for cell in row) for row in body.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape_markdown(text: str) -> str:
    """A text whose marks stand for themselves, in CommonMark and in Python's Markdown, also in a table."""
    entities = html.escape(clean(text.strip()), quote=False).replace("|", "&#124;").replace("~", "&#126;")
    marked = re.sub(r"([\\`*_\[\]{}$])", r"\\\1", entities)
    # What makes a list, a heading or a definition of a line does so only at its beginning.
    return re.sub(r"^([-+=:#]+|\d+[.)])(?=\s|$)", lambda start: "".join(f"&#{ord(c)};" for c in start[0]), marked)


def clean_lines(text: str) -> str:
    """Lines without control characters."""
    return "".join(f"{clean(line)}\n" for line in text.splitlines())


# ---------------------------------------------------------------- as HTML

STYLE = """\
body { font-family: system-ui, sans-serif; line-height: 1.5; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; }
th { border-bottom: 1px solid; font-weight: 600; } td { border-bottom: 1px solid #8884; }
pre { overflow-x: auto; padding: 0.8rem; background: #8881; } code, pre { font-family: ui-monospace, monospace; }
"""


def to_html(page: Document) -> str:
    """The page as a whole HTML file: no script, nothing loaded from elsewhere, every text escaped."""
    title = escape_html(page.title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{html_parts(page)}</body>\n</html>\n"
    )


def html_parts(page: Document, level: int = 1) -> str:
    """The page as HTML elements, its title a heading of this level."""
    parts = [f"<h{level}>{escape_html(page.title)}</h{level}>"]
    if page.doc:
        parts.append(f"<p>{'<br>'.join(escape_html(line) for line in page.doc.splitlines())}</p>")
    parts.append(f"<p>{escape_html(page.facts)}</p>")
    for section in page.sections:
        parts.append(f"<h{level + 1}>{escape_html(section.title)}</h{level + 1}>")
        parts.append(html_body(section.body))
    return "\n".join(parts) + "\n"


def html_body(body: Table | str) -> str:
    """A table, or text that keeps its lines."""
    if isinstance(body, str):
        return f"<pre>{escape_html_lines(body)}</pre>"
    head = "".join(f"<th>{escape_html(cell)}</th>" for cell in body.head)
    rows = (html_row(body, row) for row in body.rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(rows)}</tbody>\n</table>"


def html_row(table: Table, row: Row) -> str:
    """One row."""
    cells = (
        f"<td><code>{escape_html(cell)}</code></td>" if cell and name in table.code else f"<td>{escape_html(cell)}</td>"
        for name, cell in zip(table.head, (joined(cell) for cell in row), strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>\n"


def escape_html(text: str) -> str:
    """A text without marks or control characters."""
    return html.escape(clean(text))


def escape_html_lines(text: str) -> str:
    """As `escape_html`, line by line."""
    return "".join(f"{escape_html(line)}\n" for line in text.splitlines())
