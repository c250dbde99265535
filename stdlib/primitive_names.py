"""Names of the primitives, for checking without loading them: what they compute is said in ``primitives``."""

from __future__ import annotations

from karush.stdlib.shape import SHAPE_RULES

_ELEMENTWISE = """
    exp expm1 sin cos tan sinh cosh tanh atan square sqrt log log1p asin acos atan2 xlogx entropy rel_entr kl_div
    inv_pos sigmoid softplus elu gelu silu poisson_nll bernoulli_nll abs relu neg_part leaky_relu maximum minimum clip
    sign floor ceil round relu6 hard_tanh hard_sigmoid hard_swish selu hypot"""

ELEMENTWISE = frozenset(_ELEMENTWISE.split())
"""Primitives that are taken entry by entry."""

STRUCTURE = frozenset({"matmul", "transpose", "concat", "stack"})
"""Operators that have a shape rule and are no primitives of atoms."""

PRIMITIVE_NAMES = ELEMENTWISE | (frozenset(SHAPE_RULES) - STRUCTURE)
"""What may stand after ``value = primitive``."""

_PROXIMAL = """
    exp xlogx rel_entr kl_div sum_largest sum_smallest lambda_max lambda_min sigma_max norm_nuc logdet"""

PROXIMAL_NAMES = frozenset(_PROXIMAL.split())
"""What may stand after ``prox(step) = primitive``; the maps themselves stand in solvers/proximal."""

_NUMBERED = """
    abs relu neg_part leaky_relu maximum minimum clip relu6 hard_tanh hard_sigmoid hard_swish selu elu norm1 tv"""

NUMBERED = frozenset(_NUMBERED.split())
"""Primitives whose element at the tie can be stated as a number: ``derivative rule(relu = 0.5)``."""

_TIED = """
    max min norm2 norminf norm hypot sort median quantile sum_largest sum_smallest cummax cummin lambda_max lambda_min
    sigma_max norm_nuc"""

TIED = NUMBERED | frozenset(_TIED.split())
"""Primitives with ties, whose element can be stated as a word: ``derivative rule(relu = left)``."""

TIE_WORDS = ("min-norm", "left", "right", "torch", "jax", "tf")
"""The words for elements."""
