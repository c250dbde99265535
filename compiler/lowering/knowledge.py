"""What is known of the expressions of a reduced model before any number is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from karush.compiler.model import At, Expr


@dataclass(frozen=True, eq=False)
class Knowledge:
    """``affine``: is it known to be affine in the vars, whatever its form? ``quadratic``: is it of degree 2?

    ``symmetric``: is a matrix known to be its own transpose? ``entry``: one entry of an array as an expression.
    """

    affine: Callable[[Expr], bool]
    quadratic: Callable[[Expr], bool]
    symmetric: Callable[[Expr], bool]
    entry: Callable[[Expr, tuple[At, ...]], Expr]
