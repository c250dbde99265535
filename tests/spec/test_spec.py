"""The specification by example: every ``opt`` block of the Markdown files here gives the findings below it.

An example is a block that begins with ```` ```opt ````, perhaps with a file name after it, and the next block, if that
begins with ```` ```text ````: what ``karush check`` prints of the text. Without one, or where it says ``nothing``, the
text has no findings. ``KARUSH_UPDATE_SPEC=1 pytest tests/spec/test_spec.py`` writes the findings as they are now; read
the difference before you keep it.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from karush.compiler.analyse import analyse_text
from karush.dsl.render import render

FILES = sorted(Path(__file__).parent.glob("*.md"))
EXAMPLE = re.compile(
    r"^```opt(?: (?P<name>\S+))?\n(?P<text>.*?)^```\n(?:\n*^```text\n(?P<findings>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
NOTHING = "nothing\n"


@dataclass(frozen=True)
class Example:
    file: Path
    line: int
    name: str
    text: str
    findings: str


def examples(file: Path) -> list[Example]:
    content = file.read_text(encoding="utf-8")
    return [
        Example(
            file, content.count("\n", 0, m.start()) + 1, m["name"] or "model.opt", m["text"], m["findings"] or NOTHING
        )
        for m in EXAMPLE.finditer(content)
    ]


def diagnose(text: str, name: str) -> str:
    """What is printed about a text. The one place to change when a text is looked at in another way."""
    return render(analyse_text(text, name).diagnostics) or NOTHING


def updated(content: str) -> str:
    """A file with the findings as they are now."""

    def example(match: re.Match[str]) -> str:
        found = diagnose(match["text"], match["name"] or "model.opt")
        head = f"```opt{' ' + match['name'] if match['name'] else ''}\n{match['text']}```\n"
        return head if found == NOTHING and not match["findings"] else f"{head}\n```text\n{found}```\n"

    return EXAMPLE.sub(example, content)


if os.environ.get("KARUSH_UPDATE_SPEC") == "1":
    for path in FILES:
        path.write_text(updated(path.read_text(encoding="utf-8")), encoding="utf-8")

ALL = [example for file in FILES for example in examples(file)]


@pytest.mark.parametrize("example", ALL, ids=lambda e: f"{e.file.name}:{e.line}")
def test_the_example_gives_the_findings_below_it(example: Example) -> None:
    assert diagnose(example.text, example.name) == example.findings


def test_every_file_has_examples() -> None:
    assert all(examples(file) for file in FILES)
