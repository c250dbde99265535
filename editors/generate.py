"""Write the parts of the editor files that list words: ``python editors/generate.py [--check]``.

The words are those of ``karush.words``: keywords of the grammar, names of the library. The files in the repository are
what this script writes; ``--check`` says which ones are not, and fails.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from karush.words import Words, words

FOLDER = Path(__file__).parent
PARTS = ("comment", "label", "text", "number", "field", "word", "sign")
GENERATED = "Written by editors/generate.py from the words of the language: edit that, not this."
NAME = r"[A-Za-z_\p{L}][\w\p{L}]*"
WORD_OPERATORS = ("and", "or", "not", "in", "perp")
MOVES = r"\s\s*in\s"
AFTER_CLAUSE = {
    "value": r"\s*=[^=]",
    "range": r"\s\s*\w",
    "convex": MOVES,
    "concave": MOVES,
    "affine": MOVES,
    "nondecreasing": MOVES,
    "nonincreasing": MOVES,
    "rule": r"\s\s*\w\w*\s*=[^=]",
    "graph": r"\s*[{]",
    "prox": r"\s*[(]\w\w*[)]\s*=[^=]",
}
"""What follows a clause of an atom, so that a row that begins with a name of these letters is none: a regular
expression that means the same in TextMate and in Vim.
"""
PLAIN_TYPES = ("dim", "param", "var", "let", "fn", "model", "atom", "set")


def files(known: Words) -> dict[str, str]:
    """Every generated file with its text, by its path in this folder."""
    return {
        "vscode/syntaxes/karush.tmLanguage.json": json.dumps(textmate(known), indent=2, ensure_ascii=False) + "\n",
        "vim/syntax/karush.vim": vim_syntax(known),
    }


# ---------------------------------------------------------------- TextMate


def textmate(known: Words) -> dict[str, Any]:
    """The grammar that VS Code and others read; what it cannot know, the language server colours."""
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "comment": GENERATED,
        "name": "Karush",
        "scopeName": "source.karush",
        "fileTypes": ["opt"],
        "patterns": [
            {"include": f"#{name}"} for name in ("comment", "label", "text", "number", "field", "word", "sign")
        ],
        "repository": {
            "comment": {
                "patterns": [
                    {"name": "comment.line.documentation.karush", "match": "##.*$"},
                    {"name": "comment.line.number-sign.karush", "match": "#.*$"},
                ]
            },
            "text": {"name": "string.quoted.double.karush", "match": '"[^"\\r\\n]*"'},
            "number": {
                "name": "constant.numeric.karush",
                "match": r"(?<![\w.])[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\b",
            },
            "field": {
                "match": rf"(\.)({NAME})",
                "captures": {
                    "1": {"name": "punctuation.accessor.karush"},
                    "2": {"name": "variable.other.property.karush"},
                },
            },
            "label": {
                "patterns": [
                    _label(rf"^\s*({NAME})\s*(:)", first=1),
                    _label(rf"\b(minimize|maximize)\s+({NAME})\s*(:)", first=2),
                ]
            },
            "word": {"patterns": list(_textmate_words(known))},
            "sign": {"name": "keyword.operator.karush", "match": r"==|!=|<=|>=|\*\*|[-+*/@^<>=]"},
        },
    }


def _label(match: str, first: int) -> dict[str, Any]:
    captures = {
        str(first): {"name": "entity.name.label.karush"},
        str(first + 1): {"name": "punctuation.separator.karush"},
    }
    if first == 2:
        captures["1"] = {"name": "keyword.control.karush"}
    return {"match": match, "captures": dict(sorted(captures.items()))}


def _textmate_words(known: Words) -> Iterable[dict[str, Any]]:
    declaring = [word for word in known.statements if word in PLAIN_TYPES]
    acting = [word for word in known.statements if word not in (*PLAIN_TYPES, "subject to")]
    yield {"name": "keyword.control.karush", "match": r"\bsubject[ \t]+to\b"}
    yield {"name": "storage.type.karush", "match": any_of(declaring)}
    yield {"name": "keyword.control.karush", "match": any_of(acting)}
    yield {"name": "keyword.operator.word.karush", "match": any_of(WORD_OPERATORS)}
    yield {"name": "keyword.control.karush", "match": any_of(w for w in known.operators if w not in WORD_OPERATORS)}
    yield {"name": "constant.language.karush", "match": any_of(known.constants)}
    for clause in known.clauses:
        yield {"name": "keyword.other.clause.karush", "match": rf"^\s*{clause}(?={AFTER_CLAUSE[clause]})"}
    yield {"name": "support.function.karush", "match": any_of(known.functions) + r"(?=\s*\()"}
    yield {"name": "support.type.karush", "match": any_of(known.sets)}


def any_of(names: Iterable[str]) -> str:
    """A regular expression for one of these words."""
    return rf"\b({'|'.join(names)})\b"


# ---------------------------------------------------------------- Vim


def vim_syntax(known: Words) -> str:
    """The syntax file of Vim. Later rules win over earlier ones, keywords over both."""
    plain = [word for word in known.statements if word != "subject to"]
    lines = [
        f'" {GENERATED}',
        'if exists("b:current_syntax")',
        "  finish",
        "endif",
        "",
        r"syntax match karushOperator /==\|!=\|<=\|>=\|\*\*\|[-+*\/@^<>=]/",
        r"syntax match karushNumber /\<\d\+\(\.\d\+\)\?\([eE][+-]\?\d\+\)\?\>/",
        'syntax match karushString /"[^"]*"/',
        r"syntax match karushLabel /^\s*\K\k*\ze\s*:/",
        r"syntax match karushLabel /\(\<\(minimize\|maximize\)\s\+\)\@<=\K\k*\ze\s*:/",
        r"syntax match karushField /\.\zs\K\k*/",
        r"syntax match karushFunction /\<\(" + r"\|".join(known.functions) + r"\)\>\ze\s*(/",
        *(rf"syntax match karushClause /^\s*\zs{clause}\ze{AFTER_CLAUSE[clause]}/" for clause in known.clauses),
        r"syntax match karushStatement /\<subject\s\+to\>/",
        "syntax match karushComment /#.*$/ contains=@Spell",
        "syntax match karushDocumentation /##.*$/ contains=@Spell",
        "",
        f"syntax keyword karushStatement {' '.join(plain)}",
        f"syntax keyword karushWord {' '.join(known.operators)}",
        f"syntax keyword karushConstant {' '.join(known.constants)}",
        f"syntax keyword karushSet {' '.join(w for w in known.sets)}",
        "",
        *(f"highlight default link {group} {target}" for group, target in VIM_GROUPS.items()),
        "",
        'let b:current_syntax = "karush"',
    ]
    return "\n".join(lines) + "\n"


VIM_GROUPS = {
    "karushStatement": "Statement",
    "karushWord": "Keyword",
    "karushConstant": "Boolean",
    "karushClause": "PreProc",
    "karushFunction": "Function",
    "karushSet": "Type",
    "karushLabel": "Label",
    "karushField": "Identifier",
    "karushNumber": "Number",
    "karushString": "String",
    "karushOperator": "Operator",
    "karushComment": "Comment",
    "karushDocumentation": "SpecialComment",
}


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` say which ones differ."""
    stale = 0
    for name, text in files(words()).items():
        path = FOLDER / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if "--check" in arguments:
            print(f"{path} is not what editors/generate.py writes", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
