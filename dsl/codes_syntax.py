"""E01: syntax, layout and statements."""

from __future__ import annotations

from karush.dsl.code import Code

SYNTAX = (
    Code(
        "E0100",
        "the statement cannot be read",
        "At the marked place the statement cannot go on as it does. Every statement is read on its own,"
        " so the others in the file are not affected.",
        "Look at the mark and at the word before it: an operator, a comma or a bracket is missing, or too many.",
        "param a, b\nlet c = a + * b\n",
        "param a, b\nlet c = a * b\n",
    ),
    Code(
        "E0101",
        "a bracket without its other half",
        "Inside brackets line ends do not count, so one that is never closed would swallow the rest of "
        "the file. Where a line begins with a word that begins statements, or the file ends, the "
        "bracket is given up.",
        "Close the bracket where it should end, or drop the one that closes nothing.",
        "param x[3]\nlet a = sum(x\nlet b = 2\n",
        "param x[3]\nlet a = sum(x)\nlet b = 2\n",
    ),
    Code(
        "E0102",
        "a tab in the indentation",
        "Whether a line continues the statement above is read off its column, and a tab has no width that "
        "everybody agrees on.",
        "Indent with spaces; `--fix` writes four for each tab.",
        "var x\nminimize x^2\nsubject to\n\tx >= 1\n",
        "var x\nminimize x^2\nsubject to\n    x >= 1\n",
    ),
    Code(
        "E0103",
        "a comparison that a constraint cannot hold",
        "The set of points with `x < 1` is not closed, so a minimum over it need not exist, and `x != "
        "1` leaves out a point that a solver never meets. A chain `a <= x <= b` has two sides and a "
        "middle, not more, and no `==`. In a condition, after `if`, all comparisons are allowed.",
        "Write `<=` or `>=`, with a margin of your own where the distance matters: `x <= 1 - 0.01`.",
        "var x\nminimize x^2\nsubject to\n  x > 1\n",
        "var x\nminimize x^2\nsubject to\n  x >= 1\n",
    ),
    Code(
        "E0104",
        "`=` where `==` is meant",
        "`=` gives a name a value: in `let`, in defaults, in the options of a call. An equation between"
        " values, as in a constraint or a condition, is `==`, as in Python.",
        "Write `==`. For a new name write `let name = …`.",
        "var x\nminimize x^2\nsubject to\n  x = 1\n",
        "var x\nminimize x^2\nsubject to\n  x == 1\n",
    ),
    Code(
        "E0105",
        "a chain of comparisons in two directions",
        "`a <= x <= b` bounds x from both sides, and its duals are called `lower` and `upper`. In `a <="
        " x >= b` both bound x from below: these are two constraints.",
        "Turn one comparison round, or write two constraints.",
        "var x\nminimize x^2\nsubject to\n  1 <= x >= 2\n",
        "var x\nminimize x^2\nsubject to\n  1 <= x <= 2\n",
    ),
    Code(
        "E0106",
        "a declaration with a bound",
        "A declaration takes a set: `in nonneg`, `in box(0, 1)`. There is one way to write it, and the "
        "dual of the bound is found under the name of the var.",
        "Write `var x in nonneg`, or a constraint with a label of its own under `subject to`.",
        "var x >= 0\nminimize x^2\n",
        "var x in nonneg\nminimize x^2\n",
    ),
    Code(
        "E0107",
        "an integer unknown",
        "A solution has a derivative only where it moves smoothly with the params; that of a problem "
        "with integer or yes/no unknowns jumps. So `int` and `bool` are sets for params, not for vars.",
        "Relax it: `in box(0, 1)` in place of `in bool`; or make it a param and search over it outside.",
        "var x in int\nminimize x^2\n",
        "var x\nminimize x^2\n",
    ),
    Code(
        "E0108",
        "a word of the language as a name",
        "Keywords are never names, so that a slip is found where it is made. A var, let or param may "
        "not be called `T`, `objective`, `status`, `dual` or `derivative` either: `x.T` is the "
        "transpose, and the others are fields of every solution. A dim may be called `T`.",
        "Choose another name.",
        "param set[3]\nlet a = 2\n",
        "param choice[3]\nlet a = 2\n",
    ),
    Code(
        "E0109",
        "a statement that has no place here",
        "A file or model has at most one objective or `find`, one `subject to`, one `using` and one "
        "`derivative` method. Constraints stand after `subject to`, `return` in a `fn`, clauses such as"
        " `convex in x` in an `atom`; the inputs of an inner model stand in its header.",
        "Move the statement to its place, or drop it.",
        "var x\nminimize x^2\nminimize x\n",
        "var x\nminimize x^2 + x\n",
    ),
    Code(
        "E0110",
        "nested too deep, or a line too long",
        "Brackets and blocks nest at most 100 deep, operations 200 and, with the fns that are called "
        "opened, 120; a chain such as `a + b + c` is one level. A line has at most 100 000 characters. "
        "Nobody writes more by hand, and a file written by a program says it better with "
        "arrays and `for` clauses.",
        "Name parts with `let`, sum over a `for` clause, and keep numbers in a data file.",
        "let a = " + "(" * 101 + "1" + ")" * 101 + "\n",
        "let a = 1\n",
    ),
    Code(
        "E0111",
        "a file that cannot be read as text",
        "A model is a file of UTF-8 text. This one does not exist, may not be opened, is a directory, "
        "is far too large, or holds bytes that are not UTF-8.",
        "Check the path and the rights; save the file as UTF-8.",
    ),
    Code(
        "E0112",
        "a number too large",
        "Numbers are double precision, which ends near 1.8e308. There is no infinity in a model; an "
        'infinite bound comes with the data, as `"inf"`.',
        "Write a smaller number, or leave the bound out.",
        "let a = 1e999\n",
        "let a = 1e99\n",
    ),
    Code(
        "E0113",
        "a block that lacks its result",
        "A `fn` with a block ends with `return`, which says what it computes; an `atom` has a clause `value`.",
        "Add `return …` as the last statement of the fn, or `value = …` to the atom.",
        "fn f(x) {\n  let y = x^2\n}\n",
        "fn f(x) {\n  let y = x^2\n  return y\n}\n",
    ),
    Code(
        "E0114",
        "a statement within another",
        "A line that begins right of the first token of the current statement continues it; any other "
        "begins a new one. So a statement begins on a line of its own, not further right than the one "
        "above, or after `;`.",
        "Begin the line in the column of the statement above.",
        "var x\nminimize x^2\n  subject to\n    x >= 1\n",
        "var x\nminimize x^2\nsubject to\n    x >= 1\n",
    ),
    Code(
        "E0115",
        "written as in another language",
        "Some signs and words of other languages are not used here, mostly because they would be ambiguous: "
        "`x'` for the transpose, `|x|`, `2 x` for a product, `a if c else b`, `&&`, `≤`.",
        "The message says how it is written here.",
        "param A[2, 2]\nlet b = A'\n",
        "param A[2, 2]\nlet b = A.T\n",
    ),
    Code(
        "E0116",
        "not a constraint",
        "A constraint compares: `==`, `<=`, `>=`, `in SET`, or `perp` between two of them. Conditions "
        "cannot be joined by `or`, because the points that satisfy them would not make one region; "
        "`and` is one more line.",
        "Compare with something; write one constraint a line.",
        "var x\nminimize x^2\nsubject to\n  x + 1\n",
        "var x\nminimize x^2\nsubject to\n  x + 1 >= 0\n",
    ),
    Code(
        "E0117",
        "a `for` clause out of place",
        "A `for` clause stands last in a reduction, an array or a constraint: `sum(x[i] for i in n)`, "
        "`[x[i] for i in n]`, `x[i] <= 1 for i in n`. Binders are written `i in n`, filters `if condition`.",
        "Put the clause at the end, inside the brackets of what it belongs to.",
        "dim n\nparam x[n]\nlet a = x[i] for i in n\n",
        "dim n\nparam x[n]\nlet a = [x[i] for i in n]\n",
    ),
    Code(
        "E0190",
        "not available yet",
        "The language has this form, and a later version of karush will run it. Until then it is "
        "refused by name, so that nothing half-right comes out.",
        "Write the model without it, or wait for the version named in the message.",
    ),
)
