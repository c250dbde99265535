"""E02: names. E03: shapes and indices."""

from __future__ import annotations

from karush.dsl.code import Code

NAMES = (
    Code(
        "E0201",
        "unknown name",
        "Every name is declared in the file, bound by a `for` clause or a header, or stands in the "
        "library. An inner model sees params, dims, fns and models of the file, but not its lets, vars "
        "and labels.",
        "Correct the spelling (names within two letters are proposed), or declare the name.",
        "param mu[3]\nlet a = sum(nu)\n",
        "param mu[3]\nlet a = sum(mu)\n",
    ),
    Code(
        "E0202",
        "declared twice",
        "In one scope a name means one thing. Vars and labels share their names, since the rows of `var"
        " w in S` are called `w`; so do params, lets, dims, fns, models, atoms and sets.",
        "Give one of the two another name.",
        "param a\nlet a = 2\n",
        "param a\nlet b = 2\n",
    ),
    Code(
        "W0203",
        "a name hides one of the library",
        "The library is the outermost scope, so a name of the file comes first. That is allowed, but "
        "someone who reads `norm1(x)` expects the library's.",
        "Choose another name, unless hiding it is what you want.",
        "fn norm1(x) = 2 * x\nlet a = norm1(3)\n",
        "fn double(x) = 2 * x\nlet a = double(3)\n",
    ),
    Code(
        "E0204",
        "used before its declaration",
        "A file is read from top to bottom: a name is declared before it is used. So no definition can "
        "go in a circle, and a fn cannot call itself.",
        "Move the declaration above the first use.",
        "let a = b + 1\nparam b\n",
        "param b\nlet a = b + 1\n",
    ),
    Code(
        "E0205",
        "a binder takes a name that is in use",
        "Inside `for i in n` the name `i` would hide a param, var, let or label called `i`, and a "
        "formula would silently mean something else.",
        "Give the binder another name.",
        "dim n\nparam i, x[n]\nlet a = sum(x[i] for i in n)\n",
        "dim n\nparam i, x[n]\nlet a = sum(x[j] for j in n)\n",
    ),
    Code(
        "E0206",
        "wrong arguments of a call",
        "A call gives every argument once, in the order of the header or by name; those with a default "
        "may be left out.",
        "Compare with the header, which the message shows.",
        "let a = abs(1, 2)\n",
        "let a = abs(1)\n",
    ),
    Code(
        "E0207",
        "no such field",
        "`x.T` is the transpose of an array. A solution record has the vars and lets of its model, and "
        "`objective`, `status`, `dual` and `derivative`. Other values have no fields.",
        "Use one of the fields that the message lists.",
        "param A[2, 2]\nlet a = A.transpose\n",
        "param A[2, 2]\nlet a = A.T\n",
    ),
    Code(
        "E0208",
        "an import that cannot be followed",
        "A path is relative to the file that imports, and may not leave the root: the top file's "
        "folder, or the one given by `--root`. Files do not import each other in a circle.",
        "Check the path; move the file below the root, or name another root.",
        'import "no_such_file.opt" as other\nlet a = 2\n',
        "let a = 2\n",
    ),
    Code(
        "E0209",
        "a name of another kind",
        "Names stand for sizes, values, sets, functions or models, and each kind has its places: after "
        "`in` a set or an index set, before `( )` a function or a model, among the operands a value.",
        "Use a name of the kind that is wanted here.",
        "dim n\nparam x[n]\nlet a = x(2)\n",
        "dim n\nparam x[n]\nlet a = x[2]\n",
    ),
)

SHAPES = (
    Code(
        "E0301",
        "sizes do not match",
        "Sizes are told apart by name: `m` and `d` differ even where the data make both 50. So a "
        "transposed matrix is found here and not in the results.",
        "Transpose, index, or declare both with the same dim, if they are the same by nature.",
        "dim m, d\nparam X[m, d], b[m]\nlet r = X @ b\n",
        "dim m, d\nparam X[m, d], b[m]\nlet r = X.T @ b\n",
    ),
    Code(
        "E0302",
        "too many or too few indices",
        "An array declared with two sizes has two axes. `x[i]` of a matrix is its row; more indices "
        "than axes have no meaning.",
        "Compare with the declaration.",
        "param x[3]\nlet a = x[0, 1]\n",
        "param x[3]\nlet a = x[0]\n",
    ),
    Code(
        "E0303",
        "a single number is needed",
        "An objective, the condition of an `if`, a size and most arguments of sets are single numbers.",
        "Reduce the array: `sum(x)`, `sumsq(x)`, `max(x)`; or index it.",
        "var x[3]\nminimize x\n",
        "var x[3]\nminimize sumsq(x)\n",
    ),
    Code(
        "E0304",
        "arrays of different rank",
        "Only single numbers are spread over an array. Spreading a vector over a matrix is the "
        "commonest silent error of array languages: `y - X @ w` with a column for y would be a matrix.",
        "Say which axis is meant, by a clause: `[X[i] - y for i in m]`.",
        "dim m, d\nparam X[m, d], y[d]\nlet r = X - y\n",
        "dim m, d\nparam X[m, d], y[d]\nlet r = [X[i] - y for i in m]\n",
    ),
    Code(
        "E0305",
        "index runs out of its range",
        "Indices count from 0, and the end of a range does not belong to it, as in Python. Only a "
        "written negative index counts from the end: `x[-1]` is the last, but a computed one that may "
        "become negative is an error.",
        "Declare one row more, or shorten the range.",
        "dim n\nparam x[n]\nlet d = [x[i + 1] - x[i] for i in n]\n",
        "dim n\nparam x[n]\nlet d = [x[i + 1] - x[i] for i in range(n - 1)]\n",
    ),
    Code(
        "E0306",
        "an index that is not a whole number",
        "Only whole numbers count places: literals, binders, and params declared `in index(d)`.",
        "Declare the param `in index(d)`.",
        "dim n\nparam x[n], k\nlet a = x[k]\n",
        "dim n\nparam x[n], k in index(n)\nlet a = x[k]\n",
    ),
    Code(
        "E0307",
        "not something to count over",
        "A `for` clause runs over a dim or over `range(a, b[, step])`; `for i in n` is `for i in range(n)`.",
        "Name the dim, not the array: `for i in n`.",
        "param x[3]\nlet a = sum(i for i in x)\n",
        "param x[3]\nlet a = sum(x[i] for i in range(3))\n",
    ),
    Code(
        "E0308",
        "a condition where a number is needed, or the reverse",
        "Truth values and numbers are kept apart: `if`, `and`, `or` and `not` take conditions, "
        "arithmetic takes numbers.",
        "Compare, or choose: `if c then 1 else 0`.",
        "param x\nlet a = if x then 1 else 2\n",
        "param x in int\nlet a = if x > 0 then 1 else 2\n",
    ),
    Code(
        "E0309",
        "not a size",
        "Sizes are whole numbers made of dims and literals: `T`, `T + 1`, `2 * n`. The value of a param"
        " cannot be a size, because shapes are known before the data.",
        "Declare a `dim`.",
        "param k\nvar x[k]\nminimize sumsq(x)\n",
        "dim k\nvar x[k]\nminimize sumsq(x)\n",
    ),
    Code(
        "E0310",
        "an atom without sizes that mixes entries",
        "An atom whose header names no sizes is a function of numbers: of an array it is taken entry by "
        "entry. A value such as `sum(x)` would mean one thing for a number and another for an array.",
        "Give the argument sizes, `atom f(x[n])`, or write the value with operations that go entry by entry.",
        "dim n\nparam a[n]\natom f(x) { value = sum(x) }\nlet y = f(a)\n",
        "dim n\nparam a[n]\natom f(x[n]) { value = sum(x) }\nlet y = f(a)\n",
    ),
)
