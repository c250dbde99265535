"""The documentation: every model in it is checked, every command and program run, what they print compared."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from karush.cli.app import VERBS
from karush.compiler.analyse import analyse_text
from karush.compiler.library import load_library
from karush.dsl.codes import CODES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def load(name):
    """A module of the folder of pages, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


pages, reference, generate = load("pages"), load("reference"), load("generate")
PAGES = sorted(DOCS.glob("*.md"))


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_a_page_prints_what_it_shows(path):
    outcomes = list(pages.run_page(path.read_text(encoding="utf-8")))
    told = [f"{path.name}:{o.block.line}: {o.problem}" for o in outcomes if o.problem is not None]
    assert not told, "\n".join(told)


def test_the_program_in_the_readme_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    blocks = [b for b in pages.blocks_of((ROOT / "README.md").read_text(encoding="utf-8")) if b.language == "python"]
    session = pages.Session(ROOT)
    for block in blocks:
        assert "evidence" in pages.run_python(block, session).output
    assert session.names["frontier"].shape == (20,) and bool((session.names["slopes"] <= 1e-9).all())


def test_the_pages_hold_models_commands_and_programs():
    languages = [block.language for path in PAGES for block in pages.blocks_of(path.read_text(encoding="utf-8"))]
    assert languages.count("opt") > 30 and languages.count("console") > 20 and languages.count("python") > 10


PAGE = """```opt title="m.opt"
param p
let y = 2 * p
```

```opt wrong=E0201
let y = a
```

```text
error[E0201]: …
…
```

```console
$ karush run m.opt -p p=1.5
…
 "values": {"y": 3.0},
…
```

```console exits=2
$ karush run none.opt
```

```python
print("y is", 1 / 3)
```

```text
y is 0.3333
```
"""


def outcomes(page):
    return list(pages.run_page(page))


def test_a_right_page_is_right():
    assert [o.problem for o in outcomes(PAGE)] == [None] * 5


@pytest.mark.parametrize(
    ("right", "wrong", "which"),
    [
        ("2 * p", "2 * q", 0), ("wrong=E0201", "wrong=E0301", 1), (" wrong=E0201", "", 1),
        ("E0201]: …", "E0202]: …", 1),
        ('"y": 3.0', '"y": 3.1', 2), ("exits=2", "exits=3", 3), ("0.3333", "0.3343", 4), ("y is 0.3", "z is 0.3", 4),
    ],
)  # fmt: skip
def test_a_wrong_page_is_found_out(right, wrong, which):
    assert right in PAGE
    assert outcomes(PAGE.replace(right, wrong))[which].problem is not None


def test_writing_mends_a_page():
    broken = PAGE.replace("0.3333", "0.4")
    mended = pages.rewritten(broken, outcomes(broken))
    assert "y is 0.3333333333333333\n" in mended and all(o.problem is None for o in outcomes(mended))


def test_what_cannot_be_solved_yet_is_marked_and_nothing_else_is():
    later = "param c\nvar q\nfind q\nsubject to\n  0 <= q perp q - c >= 0\n"
    page = generate.filled(
        f"```opt\n{later}```\n\n```opt wrong=E0201\nlet y = a\n```\n\n```opt\nparam a\nlet b = a\n```\n"
    )
    marked = any(f.code == "E0190" for f in analyse_text(later).diagnostics)
    assert page.count("Not available yet") == marked and "wrong=" not in page


def test_generated_output_and_tables_are_put_in():
    page = '```opt title="m.opt"\nparam p\nlet y = p\n```\n\n```console generated lines=2\n$ karush show m.opt\n```\n'
    filled = generate.filled(f"{page}\n<!-- options check -->\n\n<!-- verbs -->\n")
    assert "```console\n$ karush show m.opt\nm\n…\n```" in filled
    assert "| `--format [full, concise" in filled and all(f"`karush {verb}`" in filled for verb in VERBS)


def test_a_generated_command_that_fails_ends_the_build():
    with pytest.raises(RuntimeError, match="exit code 2"):
        generate.filled("```console generated\n$ karush show none.opt\n```\n")


def test_the_library_page_has_every_name_once():
    heads = re.findall(r"^### .* \{ #(\w+) \}$", reference.library_page(), re.MULTILINE)
    assert sorted(heads) == sorted(name for _, name in load_library().sources)
    assert not set(reference.TITLES) - {s.name[7:-4] for s in load_library().sources.values()}


def test_the_library_page_says_of_a_function_what_is_known():
    entry = reference.library_page().split("### `huber(")[1].split("### ")[0]
    for fact in (
        "Huber's loss",
        "convex in x",
        "`range nonneg`",
        "a graph form",
        "*In a problem:* QP.",
        "atom huber(x",
    ):
        assert fact in entry


def test_the_error_index_has_every_code_once():
    heads = re.findall(r"^### \w+: .* \{ #(\w+) \}$", reference.errors_page(), re.MULTILINE)
    assert sorted(heads) == sorted(CODES)
    assert {code[1:3] for code in CODES} <= set(reference.FAMILIES)


def test_every_page_stands_in_the_navigation():
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    optional = {*generate.MEASURED, *generate.EDITORS}
    assert [p.name for p in PAGES if p.name not in optional and f": {p.name}" not in listed] == []
