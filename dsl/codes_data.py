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
    ),
    Code(
        "E0402",
        "a size has two values, or two sets of labels",
        "All arrays declared over one dim have the same length along it, and where they carry labels "
        "the same labels. Labels are never matched by position.",
        "Compare the two sources that the message names; the labels in only one of them are listed.",
    ),
    Code(
        "E0403",
        "a value for no param",
        "The data name something that the model does not declare as a param. Mostly it is a slip of "
        "spelling, and then a default would silently be used in its place.",
        "Correct the name, or leave the entry out.",
    ),
    Code(
        "E0404",
        "the data have another shape",
        "A param declared `X[m, d]` takes a matrix: a list of rows of equal length. A single number is "
        "not a list of one.",
        "Reshape or transpose the data, or change the declaration.",
    ),
    Code(
        "E0405",
        "a param is given twice",
        "Two data sources give the same param, and nothing says which one is meant. Only `-p` wins over `-d`.",
        "Leave one of them out.",
    ),
    Code(
        "E0406",
        "a value is not in its set",
        "`in S` on a param is a promise that the proof of convexity relies on; it is checked once for "
        "every array, within 1e-6 relative, and never repaired silently.",
        "Correct the data, or declare the set that they do lie in.",
    ),
    Code(
        "E0407",
        "not a number",
        "A NaN in the data would spread to the whole solution. The message names the param and the index.",
        "Fill or drop the missing values before they reach the model.",
    ),
    Code(
        "E0408",
        "an infinite value where none may stand",
        "±infinity means `no bound`, so it is allowed only in a param that is a side of a chain or an "
        "argument of `box`.",
        "Use a finite value, or use the param as a bound.",
    ),
    Code(
        "E0409",
        "data that cannot be read",
        "The file does not exist, may not be opened, or is not what its ending says: JSON, NPZ, CSV, "
        "safetensors. Pickled data are never read, because reading them would run code.",
        "Check the path, and write the file anew in one of these formats.",
    ),
)
