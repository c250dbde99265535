"""What the documentation takes from the code: a hook of mkdocs.

It adds the library reference and the error index, puts tables of options and the output of commands in their places,
marks models that cannot be solved yet, and lists the pages that measurements have written.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pages import Block, blocks_of, is_later, run_page
from reference import errors_page, library_page, options_table, verbs_table

HERE = Path(__file__).parent
GENERATED = {"library.md": library_page, "errors.md": errors_page}
PLACES = re.compile(r"^<!-- (?P<what>options|verbs) ?(?P<verb>\w*) -->$", re.MULTILINE)
MEASURED = {
    "qp_layer.md": "The QP layer",
    "cone_layers.md": "Layers with cones",
    "simplex_projection.md": "Projection on the simplex",
    "tuning_cases.md": "Tuning by gradients",
    "robustness.md": "Hard points",
    "problem_sets.md": "Sets of linear and quadratic programs",
    "conic_sets.md": "Sets of cone programs",
    "jacobian_modes.md": "Jacobians by rows, columns and colours",
    "reverse_memory.md": "Memory of reverse mode",
    "against_jax.md": "A function beside JAX",
    "nonsmooth.md": "The cost of nonsmooth derivatives",
}
EDITORS = {"editors.md": "Editors"}
BADGE = """!!! warning "Not available yet"
    This model is read and checked; solving it comes in a later version (E0190).

"""


def on_config(config: Any) -> Any:
    """Put pages that are there into the navigation: editors, and what benchmarks have measured."""
    for title, pages in (("Guide", EDITORS), ("Measurements", MEASURED)):
        present = [{name: page} for page, name in pages.items() if (HERE / page).exists()]
        section = next((entry[title] for entry in config.nav if title in entry), None)
        if section is not None:
            section.extend(present)
        elif present:
            config.nav.append({title: present})
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are written from the code."""
    from mkdocs.structure.files import File  # the tests read this module without a site to build

    for name, write in GENERATED.items():
        files.append(File.generated(config, name, content=write()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in the places of a page."""
    return markdown if page.file.src_uri in GENERATED else filled(markdown)


def filled(markdown: str) -> str:
    """A page with tables, outputs and badges in their places, and its fences as the site knows them."""
    outputs = {outcome.block.start: outcome for outcome in run_page(markdown, only_generated=True)}
    for block in reversed(blocks_of(markdown)):
        text = block.text
        if block.start in outputs:
            outcome = outputs[block.start]
            if outcome.problem is not None:
                raise RuntimeError(f"line {block.line}: {outcome.problem}")
            text = shortened(outcome.output, int(block.word("lines") or 0))
        shown = markdown[block.start : block.end]
        head = shown.partition("\n")[0]
        badge = BADGE if block.language == "opt" and is_later(block) else ""
        fence = head[: len(head) - len(head.lstrip("`"))]
        markdown = f"{markdown[: block.start]}{badge}{fence}{plain_head(block)}\n{text}{fence}\n{markdown[block.end :]}"
    return PLACES.sub(place, markdown)


def plain_head(block: Block) -> str:
    """The first line of a fence with its language and title alone."""
    title = block.word("title")
    return f'{block.language} title="{title}"' if title else block.language


def shortened(text: str, most: int) -> str:
    """The first lines of a text."""
    lines = text.splitlines(keepends=True)
    return text if not most or len(lines) <= most else "".join(lines[:most]) + "…\n"


def place(match: re.Match[str]) -> str:
    """The table that a comment asks for."""
    return verbs_table() if match["what"] == "verbs" else options_table(match["verb"])
