"""``karush doc``: what is said of a model, and that a model file cannot say anything else."""

import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from karush.cli.app import run
from karush.compiler.analyse import analyse_text
from karush.document import document, escape_markdown, to_html, to_markdown

MODEL = """## A portfolio.
dim n                          ## assets
param mu[n], S[n, n] in psd    ## returns; covariance
param gamma in pos = 4.0
var w[n] in simplex = mu       ## shares
let ret = mu @ w               ## the return
fn half(x) = x / 2             ## a half
minimize half(w @ S @ w) - gamma * ret
subject to
  ## no more than a third
  cap: w <= 1 / 3
  ret >= 0
"""
NASTY = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a | b ``` c", "[x](javascript:alert(1))", "`code`",
    "*a* _b_ **c**", "# head", "- item", "1. item", "&lt;b&gt;", "==", "<!-- c -->", "</pre></td>", "\\<b>", "$x$ {x}",
]  # fmt: skip
ALLOWED = {"h1", "h2", "p", "br", "table", "thead", "tbody", "tr", "th", "td", "pre", "code"}
FRAME = {"html", "head", "meta", "title", "style", "body"}


class Seen(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.texts.append(data)


def page_of(text, name="portfolio.opt"):
    return document(analyse_text(text, name))


def test_the_page_says_what_the_file_says():
    text = to_markdown(page_of(MODEL))
    for line in (
        "# portfolio", "A portfolio.", "Problem class: QP, convex.",
        "| n | from the data | assets |",
        "| S | \\[n, n\\] | psd |  | returns; covariance |",
        "| gamma | scalar | pos | 4.0 |  |",
        "| w | \\[n\\] | simplex | mu | shares |",
        "| ret | scalar | μᵀ w | the return |",
        "| cap | w ≤ 1/3 | \\[n\\] | no more than a third |",
        "| line 12 | ret ≥ 0 | none |  |",
        "| fn | half(x) | a half |",
    ):  # fmt: skip
        assert line in text.splitlines()
    assert "stationarity" in text and "minimize over w" in text


def test_a_function_has_no_optimality_conditions_and_no_empty_tables():
    text = to_markdown(page_of("param a\nlet y = a^2\n", "f.opt"))
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# f", "## Parameters", "## Named quantities", "## Mathematics",
    ]  # fmt: skip


@pytest.mark.parametrize("nasty", NASTY)
def test_html_shows_a_comment_as_it_stands(nasty):
    seen = Seen(to_html(page_of(f"## {nasty}\nparam a   ## {nasty}\nlet y = a   ## {nasty}\n")))
    assert seen.tags <= ALLOWED | FRAME
    assert seen.attributes <= {"lang", "charset", "http-equiv", "content", "name"}
    assert "".join(seen.texts).count(nasty.strip()) == 3


@pytest.mark.parametrize("nasty", NASTY)
def test_markdown_shows_a_comment_as_it_stands(nasty):
    page = to_markdown(page_of(f"## {nasty}\nparam a   ## {nasty}\nlet y = a\n"))
    seen = Seen(MarkdownIt("commonmark").enable("table").render(page))
    assert seen.tags <= ALLOWED and not seen.attributes - {"class"}
    assert "".join(seen.texts).count(nasty.strip()) == 2


def test_control_characters_are_not_passed_on():
    assert escape_markdown("a\x1b[31m\u202eb") == "a\ufffd\\[31m\ufffdb"


def test_the_verb_takes_the_format_from_the_ending_or_the_flag(tmp_path, monkeypatch, capsysbinary):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.opt").write_text(MODEL)
    assert run(["doc", "m.opt", "-o", "m.html"]) == 0
    assert (tmp_path / "m.html").read_text().startswith("<!DOCTYPE html>")
    assert run(["doc", "m.opt", "-o", "m.md"]) == 0
    assert run(["doc", "m.opt"]) == 0
    assert capsysbinary.readouterr().out == (tmp_path / "m.md").read_bytes()
    assert run(["doc", "m.opt", "--format", "html"]) == 0
    assert capsysbinary.readouterr().out == (tmp_path / "m.html").read_bytes()


@pytest.mark.parametrize(
    ("out", "said"), [("m.txt", "ending"), ("no/m.md", "no such folder"), (".", "cannot be written")]
)
def test_a_place_that_cannot_be_written_is_wrong_usage(tmp_path, monkeypatch, capsys, out, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.opt").write_text(MODEL)
    assert run(["doc", "m.opt", "-o", out]) == 2
    assert re.search(said, capsys.readouterr().err)
    assert [p.name for p in tmp_path.iterdir()] == ["m.opt"]


def test_a_wrong_model_is_told_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.opt").write_text("param a\nlet y = b\n")
    assert run(["doc", "m.opt", "-o", "m.md"]) == 1
    assert "E0201" in capsys.readouterr().err and not (tmp_path / "m.md").exists()


def test_a_model_that_cannot_be_solved_yet_has_a_page_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.opt").write_text("param c\nvar q\nfind q\nsubject to\n  tight: 0 <= q perp q - c >= 0\n")
    assert run(["doc", "m.opt", "-o", "m.md"]) == 0
    page = (tmp_path / "m.md").read_text()
    assert "Problem class: COMPLEMENTARITY." in page and "| tight | 0 ≤ q ⟂ q − c ≥ 0 |" in page
