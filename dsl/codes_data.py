"""E04: data."""

from __future__ import annotations

from karush.dsl.code import Code

DATA = (
    Code(
        "E0401",
        "a value is missing",
        "Every param without a default, and every size that the data do not fix, needs a value before "
        "the model can run.",
        "Give it in the data file, by `-p name=value` or `--sizes`, or declare a default.",
        "param a\nlet y = 2 * a\n",
        "param a\nlet y = 2 * a\n",
        data="{}",
        mended_data='{"a": 1}',
        command="check -d data.json",
    ),
    Code(
        "E0402",
        "a size has two values, or two sets of labels",
        "All arrays declared over one dim have the same length along it, and where they carry labels "
        "the same labels. Labels are never matched by position.",
        "Compare the two sources that the message names; the labels in only one of them are listed.",
        "dim n\nparam a[n], b[n]\nlet y = a @ b\n",
        "dim n\nparam a[n], b[n]\nlet y = a @ b\n",
        data='{"a": [1, 2], "b": [1, 2, 3]}',
        mended_data='{"a": [1, 2], "b": [1, 2]}',
        command="check -d data.json",
    ),
    Code(
        "E0403",
        "a value for no param",
        "The data name something that the model does not declare as a param. Mostly it is a slip of "
        "spelling, and then a default would silently be used in its place.",
        "Correct the name, or leave the entry out.",
        "param a, rate = 0.5\nlet y = rate * a\n",
        "param a, rate = 0.5\nlet y = rate * a\n",
        data='{"a": 1, "rats": 0.7}',
        mended_data='{"a": 1, "rate": 0.7}',
        command="check -d data.json",
    ),
    Code(
        "E0404",
        "the data have another shape",
        "A param declared `X[m, d]` takes a matrix: a list of rows of equal length. A single number is "
        "not a list of one.",
        "Reshape or transpose the data, or change the declaration.",
        "dim m, d\nparam X[m, d]\nlet y = sum(X)\n",
        "dim m, d\nparam X[m, d]\nlet y = sum(X)\n",
        data='{"X": [1, 2, 3]}',
        mended_data='{"X": [[1, 2, 3]]}',
        command="check -d data.json",
    ),
    Code(
        "E0405",
        "a param is given twice",
        "Two data sources give the same param, and nothing says which one is meant. Only `-p` wins over `-d`.",
        "Leave one of them out.",
        "param a\nlet y = 2 * a\n",
        "param a\nlet y = 2 * a\n",
        data='{"a": 1, "a": 2}',
        mended_data='{"a": 1}',
        command="check -d data.json",
    ),
    Code(
        "E0406",
        "a value is not in its set",
        "`in S` on a param is a promise that the proof of convexity relies on; it is checked once for "
        "every array, within 1e-6 relative, and never repaired silently.",
        "Correct the data, or declare the set that they do lie in.",
        "dim n\nparam w[n] in simplex\nlet y = sumsq(w)\n",
        "dim n\nparam w[n] in simplex\nlet y = sumsq(w)\n",
        data='{"w": [0.5, 0.6]}',
        mended_data='{"w": [0.5, 0.5]}',
        command="check -d data.json",
    ),
    Code(
        "E0407",
        "not a number",
        "A NaN in the data would spread to the whole solution. The message names the param and the index.",
        "Fill or drop the missing values before they reach the model.",
        "dim n\nparam a[n]\nlet y = sum(a)\n",
        "dim n\nparam a[n]\nlet y = sum(a)\n",
        data='{"a": [1, NaN]}',
        mended_data='{"a": [1, 2]}',
        command="check -d data.json",
    ),
    Code(
        "E0408",
        "an infinite value where none may stand",
        "±infinity means `no bound`, so it is allowed only in a param that is a side of a chain or an "
        "argument of `box`.",
        "Use a finite value, or use the param as a bound.",
        "param a, top\nvar x\nminimize (x - a)^2\nsubject to\n  x <= top\n",
        "param a, top\nvar x\nminimize (x - a)^2\nsubject to\n  x <= top\n",
        data='{"a": "inf", "top": 1}',
        mended_data='{"a": 1, "top": "inf"}',
        command="check -d data.json",
    ),
    Code(
        "E0409",
        "data that cannot be read",
        "The file does not exist, may not be opened, or is not what its ending says: JSON, NPZ, CSV, "
        "safetensors. Pickled data are never read, because reading them would run code.",
        "Check the path, and write the file anew in one of these formats.",
        "param a\nlet y = 2 * a\n",
        "param a\nlet y = 2 * a\n",
        data='{"a": 1',
        mended_data='{"a": 1}',
        command="check -d data.json",
    ),
    Code(
        "E0410",
        "a matrix too large to be made dense",
        "A sparse matrix is used as it is in products, transposes, sums, multiples and single entries, and the rows of "
        "a large program are made sparse by brackets, clauses, sums and products. Any other operation needs all "
        "entries, and there are more of them than may be held.",
        "Write the model with products, sums, brackets and clauses, or give smaller data.",
        "dim n\nparam A[n, n]\nlet y = max(A)\n",
        "dim n\nparam A[n, n]\nlet y = sum(A)\n",
        data='{"A": {"coo": [[0], [0], [1.0]], "shape": [9000, 9000]}}',
        mended_data='{"A": {"coo": [[0], [0], [1.0]], "shape": [9000, 9000]}}',
        command="run -d data.json",
    ),
)
