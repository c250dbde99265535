"""The library reference, the error index and the tables of options, written from the code itself."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import groupby, product

import click

from karush.cli.app import VERBS
from karush.compiler.analyse import Analysis, analyse_text
from karush.compiler.library import Library, load_library
from karush.document import escape_markdown
from karush.dsl import ast
from karush.dsl.code import Code
from karush.dsl.codes import CODES
from karush.dsl.diagnostics import Severity
from karush.stdlib.atom import Atom, AtomParam
from karush.stdlib.lattice import Curvature
from karush.stdlib.set import SET_FACTS, SetFacts

TITLES = {
    "atoms/smooth": "Smooth functions",
    "atoms/piecewise": "Piecewise functions",
    "atoms/reductions": "Reductions, order statistics",
    "atoms/norms": "Norms and quadratic forms",
    "atoms/entropy": "Entropies and divergences",
    "atoms/matrices": "Matrices",
    "losses/losses": "Losses",
    "losses/likelihoods": "Likelihoods",
    "sets/intervals": "Sets of numbers",
    "sets/convex": "Sets of vectors and matrices",
}
"""What the files of stdlib hold; a file without a title here is listed under its name."""
FAMILIES = {
    "01": "Syntax and statements", "02": "Names", "03": "Shapes", "04": "Data", "05": "Curvature",
    "06": "The form of the problem", "07": "Derivatives and solving", "08": "Derivatives at run time",
}  # fmt: skip

# ---------------------------------------------------------------- library


def library_page() -> str:
    """Every atom and set of the library, by the file it is declared in."""
    library = load_library()
    parts = [LIBRARY_HEAD]
    for kind in ("atom", "set"):
        entries = sorted((s.name, name) for (k, name), s in library.sources.items() if k == kind)
        for file, names in groupby(entries, key=lambda entry: entry[0]):
            stem = file.removeprefix("stdlib/").removesuffix(".opt")
            parts.append(f"## {TITLES.get(stem, stem)}\n\nDeclared in `{file}`.")
            parts += [entry_text(library, kind, name) for _, name in names]
    return "\n\n".join(parts) + "\n"


LIBRARY_HEAD = """# The standard library

Every function and every set of the language, written from their declarations in `stdlib/`. An argument `x` without
brackets is taken entry by entry, unless the function is a reduction; `x[n]` is a vector, `X[n, n]` a square matrix.

*In a problem* says what comes of a problem whose objective is the function of unknowns: its class, or that such
problems are not available yet. In a file without unknowns, and on params, every function can be used now."""


def entry_text(library: Library, kind: str, name: str) -> str:
    """The entry of an atom or a set."""
    if kind == "atom":
        atom = library.atom(name)
        assert atom is not None
        return atom_text(library, atom)
    facts = library.set(name)
    assert facts is not None
    return set_text(library, facts)


def atom_text(library: Library, atom: Atom) -> str:
    """An atom: what it is, what is known of it, its declaration."""
    facts = [atom_facts(atom), use_in_problem(atom)]
    source = library.sources["atom", atom.name].text.strip()
    return entry(signature(atom.declaration), atom.name, atom.doc, facts, source)


def set_text(library: Library, facts: SetFacts) -> str:
    """A set: its members, and whether unknowns can be in it now."""
    unknowns = "becomes linear equations and inequalities" if facts.problem_class == "LP" else "becomes rows in cones"
    if facts.integer:
        unknowns = "refused: problems with whole unknowns are not solved"
    known = ["On a param: checked.", f"On unknowns: {unknowns}."]
    return entry(signature(facts.declaration), facts.name, facts.doc, known, library.sources["set", facts.name].text)


def entry(head: str, name: str, doc: str | None, facts: list[str], source: str) -> str:
    """A titled entry with its declaration folded away."""
    lines = [f"### `{head}` {{ #{name} }}", escape_markdown(" ".join((doc or "").split())), "  \n".join(facts)]
    folded = "\n".join(f"    {line}".rstrip() for line in declaration(source).splitlines())
    return "\n\n".join([*lines, f'??? note "Declaration"\n\n    ```text\n{folded}\n    ```'])


def declaration(source: str) -> str:
    """The text of a declaration alone: what stands behind it in its file is comment."""
    lines = source.strip().splitlines()
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return "\n".join(lines)


def signature(node: ast.AtomDeclaration | ast.SetDeclaration) -> str:
    """The name with its header."""
    header = ", ".join(" ".join(item.span.text.split()) for item in node.header)
    return f"{node.name}({header})" if header else node.name


def atom_facts(atom: Atom) -> str:
    """Curvature, direction, range, and which rules and forms an atom declares."""
    said = [f"{curvature.value} in {', '.join(names)}" for names, curvature in atom.curvature]
    clauses = [c for c in atom.declaration.clauses if isinstance(c, ast.AtomMonotonicity | ast.AtomRange)]
    said += [f"`{' '.join(clause.span.text.split())}`" for clause in clauses]
    said += ["a derivative rule"] * bool(atom.rules)
    said += ["a graph form"] * (atom.graph is not None) + ["a proximal map"] * (atom.prox is not None)
    return f"{'; '.join(said)}." if said else "No convex structure is declared."


def use_in_problem(atom: Atom) -> str:
    """What comes of a problem with this atom of unknowns in its objective: found by checking the smallest ones."""
    analysis = next((a for a in trials(atom) if is_answer(a, bool(atom.curvature))), None)
    if analysis is None or analysis.classification is None:
        return "*In a problem:* it depends on the other arguments."
    if any(d.code == "E0190" for d in analysis.diagnostics):
        return "*In a problem:* not available yet."
    return f"*In a problem:* {analysis.classification.problem_class}."


def is_answer(analysis: Analysis, curved: bool) -> bool:
    """Whether a trial fits the declaration: convex where it says so, and refused at most as not available yet."""
    errors = {d.code for d in analysis.diagnostics if d.severity is Severity.ERROR}
    kind = analysis.classification
    return kind is not None and errors <= {"E0190"} and not (curved and kind.convex is False)


def trials(atom: Atom) -> Iterator[Analysis]:
    """The smallest problems with this atom in the objective, for each of its clauses and each shape left open."""
    clauses = atom.curvature or ((tuple(p.name for p in atom.params), Curvature.UNKNOWN),)
    for names, curvature in clauses:
        sense = "maximize" if curvature is Curvature.CONCAVE else "minimize"
        for shapes in product(*(open_shapes(p) for p in atom.params)):
            sizes = sorted({size for shape in shapes for size in shape if size.isidentifier()})
            lines = [f"dim {', '.join(sizes)}"] if sizes else []
            items = zip(atom.declaration.header, shapes, strict=True)
            lines += [argument(item, shape, item.name in names) for item, shape in items]
            call = f"{atom.name}({', '.join(f'{p.name}_' for p in atom.params)})"
            yield analyse_text("\n".join([*lines, f"{sense} sum({call})"]) + "\n")


def open_shapes(param: AtomParam) -> tuple[tuple[str, ...], ...]:
    """The shape of an argument; those that are tried where its declaration leaves it open."""
    return ((), ("n",), ("n", "n")) if param.sizes is None else (param.sizes,)


def argument(item: ast.Declaration, shape: tuple[str, ...], unknown: bool) -> str:
    """The declaration of one argument of a trial; an unknown is in its domain if that is an interval."""
    head = f"{'var' if unknown else 'param'} {item.name}_" + (f"[{', '.join(shape)}]" if shape else "")
    text = item.set.span.text if item.set is not None else ""
    name = text.partition("(")[0]
    return f"{head} in {text}" if text and (not unknown or SET_FACTS[name].elementwise) else head


# ---------------------------------------------------------------- errors


def errors_page() -> str:
    """Every error code with its page."""
    parts = [ERRORS_HEAD]
    for family, codes in groupby(sorted(CODES.values(), key=order), key=lambda code: code.code[1:3]):
        parts.append(f"## {FAMILIES.get(family, family)}")
        parts += [code_text(code) for code in codes]
    return "\n\n".join(parts) + "\n"


ERRORS_HEAD = """# Error index

Every finding has a code. `E` is an error, `W` a warning; `R` is found when a model runs. `karush explain CODE` prints
the same pages on a terminal."""


def order(code: Code) -> tuple[str, str]:
    """Families first, errors before warnings."""
    return code.code[1:3], code.code


def code_text(code: Code) -> str:
    """The page of a code."""
    parts = [f"### {code.code}: {code.title} {{ #{code.code} }}", code.why, f"**Instead:** {code.repair}"]
    for title, text in (("For example:", code.trigger), ("Mended:", code.mended)):
        if text is not None:
            parts.append(f"{title}\n\n```opt\n{text.rstrip()}\n```")
    return "\n\n".join(parts)


# ---------------------------------------------------------------- options


def options_table(verb: str) -> str:
    """The options of a verb as a table; those whose work has not come say so."""
    module = importlib.import_module(f"karush.cli.{VERBS[verb][0]}")
    command: click.Command = module.COMMANDS[verb]
    lines = ["| option | meaning |", "| --- | --- |"]
    with click.Context(command) as context:
        for param in command.get_params(context):
            record = param.get_help_record(context) if isinstance(param, click.Option) else None
            if record is not None:
                lines.append(f"| `{record[0].replace('|', ', ')}` | {escape_markdown(record[1] or '')} |")
    return "\n".join(lines)


def verbs_table() -> str:
    """All verbs, with the line that the command line says of each."""
    rows = [f"| `karush {verb}` | {line} |" for verb, (_, line) in VERBS.items()]
    return "\n".join(["| verb | does |", "| --- | --- |", *rows])
