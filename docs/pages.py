"""The pages of the documentation as programs: their blocks are run, and what they show is compared.

A fenced block begins with its language and, on the same line, words that steer it:

* ``opt``: a model, which is checked. ``wrong=E0201``: it has exactly this error. A ``text`` block behind it holds
  the findings. A model that is refused as not available yet (E0190) gets a badge on the page.
* ``console``: lines ``$ karush …`` are run, the lines below each are its output. ``exits=3``: the exit code of the
  last one. ``generated``: the output is put in when the pages are built; ``lines=20`` of it.
* ``python``: is run, in one namespace for a page; a ``text`` block behind it is what it prints.
* any language with ``title="name.json"``: a file for the blocks below it.

In what is shown, a line ``…`` stands for any lines and ``…`` within a line for any text; numbers agree to three digits.
``python docs/pages.py --write docs/tutorial.md`` writes the output as it is now; read the difference.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from karush.cli.app import run as run_karush
from karush.compiler.analyse import analyse_text
from karush.dsl.diagnostics import Diagnostic, Severity
from karush.dsl.render import render

FENCE = re.compile(r"^(?P<fence>`{3,}) *(?P<language>\w+)(?P<words>[^\n`]*)\n(?P<text>.*?)^(?P=fence)\n", re.M | re.S)
BEHIND = re.compile(r"\s*^```text *\n(?P<text>.*?)^```\n", re.M | re.S)
NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?![\w.])", re.IGNORECASE)
RELATIVE, ABSOLUTE = 1e-3, 1e-6
LATER = "E0190"


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, what it holds, and the ``text`` block behind it, if there is one."""

    language: str
    words: str
    text: str
    start: int
    end: int
    line: int
    shown: str | None = None
    shown_span: tuple[int, int] | None = None

    def word(self, name: str) -> str | None:
        """The value of ``name=value`` or ``name="value"`` on the first line."""
        found = re.search(rf'\b{name}=(?:"([^"]*)"|(\S+))', self.words)
        return (found[1] or found[2]) if found else None

    def has(self, name: str) -> bool:
        """Whether a word stands on the first line."""
        return name in self.words.split()


@dataclass(frozen=True)
class Outcome:
    """What came of a block: ``output`` is what it printed, ``problem`` what is wrong with it, None if nothing."""

    block: Block
    output: str
    problem: str | None = None


@dataclass
class Session:
    """What the blocks of one page share: a folder with its files, and the names of its Python blocks."""

    folder: Path
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__page__"})


# ---------------------------------------------------------------- reading


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page; a ``text`` block belongs to the ``opt`` or ``python`` block before it."""
    found, position = [], 0
    while match := FENCE.search(page, position):
        block = Block(
            match["language"], match["words"], match["text"], *match.span(), page.count("\n", 0, match.start()) + 1
        )
        behind = BEHIND.match(page, match.end()) if block.language in ("opt", "python") else None
        if behind:
            block = replace(block, shown=behind["text"], shown_span=behind.span("text"))
        found.append(block)
        position = behind.end() if behind else match.end()
    return found


def findings(block: Block) -> tuple[Diagnostic, ...]:
    """What the checker says of a model."""
    return analyse_text(block.text, block.word("title") or "model.opt").diagnostics


def is_later(block: Block) -> bool:
    """Whether a model is refused only because its work has not come."""
    return block.word("wrong") is None and any(f.code == LATER for f in findings(block))


# ---------------------------------------------------------------- running


def run_page(page: str, only_generated: bool = False) -> Iterator[Outcome]:
    """Run the blocks of a page one after the other in a new folder."""
    with tempfile.TemporaryDirectory(prefix="karush-docs-") as folder, contextlib.chdir(folder):
        session = Session(Path(folder))
        for block in blocks_of(page):
            title = block.word("title")
            if title:
                (session.folder / Path(title).name).write_text(block.text, encoding="utf-8")
            if block.language in RUNNERS and (not only_generated or block.has("generated")):
                yield RUNNERS[block.language](block, session)


def run_model(block: Block, _: Session) -> Outcome:
    """Check a model: no error, or the one it says, or what is not available yet."""
    found = findings(block)
    errors = {f.code for f in found if f.severity is Severity.ERROR}
    wrong = block.word("wrong")
    expected = {wrong} if wrong else errors & {LATER}
    output = render(list(found)) or "nothing\n"
    return judged(block, output, None if errors == expected else f"findings:\n{output}")


def run_console(block: Block, _: Session) -> Outcome:
    """Run the commands of a block, each with its output below it."""
    commands = [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
    parts, code = [], 0
    for command in commands:
        arguments = shlex.split(command)
        if arguments[0] != "karush":
            return Outcome(block, "", f"not a karush command: {command}")
        code, output = captured(arguments[1:])
        parts.append(f"$ {command}\n{output}")
    expected = int(block.word("exits") or 0)
    problem = None if code == expected else f"exit code {code}, not {expected}"
    has_output = any(not line.startswith("$ ") for line in block.text.splitlines())
    output = "".join(parts)
    if problem is None and has_output and not matches(block.text, output):
        problem = f"it prints\n{output}"
    return Outcome(block, output, problem)


def captured(arguments: list[str]) -> tuple[int, str]:
    """Exit code and output of a karush command; both streams as a terminal would show them."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        code = run_karush(arguments)
    assert isinstance(stream.buffer, io.BytesIO)
    return code, stream.buffer.getvalue().decode()


def run_python(block: Block, session: Session) -> Outcome:
    """Run a Python block; an exception is shown by its last line."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        exec(compile(block.text, f"<line {block.line}>", "exec"), session.names)
    return judged(block, stream.getvalue(), None)


def judged(block: Block, output: str, problem: str | None) -> Outcome:
    """An outcome whose output is compared with what the page shows, if it shows any."""
    if problem is None and block.shown is not None and not matches(block.shown, output):
        problem = f"it prints\n{output}"
    return Outcome(block, output, problem)


RUNNERS = {"opt": run_model, "console": run_console, "python": run_python}

# ---------------------------------------------------------------- comparing


def matches(shown: str, output: str) -> bool:
    """Whether an output is as shown."""
    return lines_match(trimmed(shown), trimmed(output))


def trimmed(text: str) -> list[str]:
    """Lines without spaces at their ends, and without empty ones at the end."""
    return [line.rstrip() for line in text.rstrip().splitlines()]


def lines_match(shown: list[str], output: list[str]) -> bool:
    """Line by line; ``…`` stands for any number of lines."""
    if not shown:
        return not output
    if shown[0].strip() == "…":
        return any(lines_match(shown[1:], output[i:]) for i in range(len(output) + 1))
    return bool(output) and line_matches(shown[0], output[0]) and lines_match(shown[1:], output[1:])


def line_matches(shown: str, output: str) -> bool:
    """``…`` stands for any text; elsewhere words agree exactly and numbers nearly."""
    if "…" in shown:
        return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), output) is not None
    if NUMBER.split(shown) != NUMBER.split(output):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(output), strict=True)
    return all(near(float(a.replace("−", "-")), float(b.replace("−", "-"))) for a, b in pairs)


def near(a: float, b: float) -> bool:
    """Whether two numbers agree."""
    return abs(a - b) <= ABSOLUTE + RELATIVE * abs(a)


# ---------------------------------------------------------------- writing


def rewritten(page: str, outcomes: list[Outcome]) -> str:
    """A page that shows the output as it is now, where it shows another."""
    for outcome in reversed(outcomes):
        block = outcome.block
        if outcome.problem is None:
            continue
        if block.language == "console":
            head, _, _ = page[block.start : block.end].partition("\n")
            fence = head[: len(head) - len(head.lstrip("`"))]
            page = f"{page[: block.start]}{head}\n{outcome.output}{fence}\n{page[block.end :]}"
        elif block.shown_span is not None:
            start, end = block.shown_span
            page = page[:start] + outcome.output + page[end:]
    return page


def main(arguments: list[str]) -> int:
    """Run pages; with ``--write`` keep what they print."""
    failed = 0
    for path in (Path(a).resolve() for a in arguments if a != "--write"):
        page = path.read_text(encoding="utf-8")
        outcomes = list(run_page(page))
        for outcome in outcomes:
            if outcome.problem is not None:
                failed += 1
                print(f"{os.path.relpath(path)}:{outcome.block.line}: {outcome.problem}", file=sys.stderr)
        if "--write" in arguments:
            path.write_text(rewritten(page, outcomes), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
