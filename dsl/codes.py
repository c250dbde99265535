"""Every error code, once. ``karush explain CODE`` prints its page.

Families: E01 syntax and statements, E02 names, E03 shapes, E04 data, E05 curvature, E06 form of the problem,
E07 derivatives; R07 and R08 are found at run time; W are warnings.
"""

from __future__ import annotations

from karush.dsl.code import Code
from karush.dsl.codes_data import DATA
from karush.dsl.codes_names import NAMES, SHAPES
from karush.dsl.codes_problem import CURVATURE, DERIVATIVES, FORM, RUN_TIME
from karush.dsl.codes_syntax import SYNTAX

CODES: dict[str, Code] = {
    page.code: page
    for family in (SYNTAX, NAMES, SHAPES, DATA, CURVATURE, FORM, DERIVATIVES, RUN_TIME)
    for page in family
}
"""Code to page, in the order of the families."""
