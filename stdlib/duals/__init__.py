"""Dual numbers p + t e with e² = 0, and every primitive of the library on them. The compiler does not need them."""

from karush.stdlib.duals.lift import lift
from karush.stdlib.duals.number import Dual, derivative, dual

__all__ = ["Dual", "derivative", "dual", "lift"]
