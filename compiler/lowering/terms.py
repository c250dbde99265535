"""The terms of a quadratic form before they are multiplied out: weighted affine forms and products of two."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.affine import Affine
from karush.compiler.lowering.affine_blocks import Block, Sizes
from karush.compiler.lowering.gram import Pair, Parts, Slope, gram, slope, times


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Linear:
    """Σ weight · form, over the entries of a shape."""

    weight: Any
    form: Affine
    shape: Sizes = field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Product:
    """Σ weight · left · right, over the entries of a shape; ``right`` is None where it is ``left``."""

    weight: Any
    left: Affine
    right: Affine | None
    shape: Sizes = field(metadata={"static": True})


Term = Linear | Product | Parts


# ---------------------------------------------------------------- multiplying out


def multiplied(term: Term, dtype: Any) -> Parts:
    """A term as pairs, slopes and a constant."""
    if isinstance(term, Parts):
        return term
    if isinstance(term, Linear):
        linear = _slopes(term.form, term.weight, term.shape, dtype)
        return Parts((), linear, _sum(term.weight, term.form.constant, term.shape, dtype))
    left, right = term.left, term.left if term.right is None else term.right
    pairs = tuple(
        Pair(u, v, _flat(a), _flat(b), gram(a, b, term.weight, term.shape, dtype))
        for u, a in left.blocks.items()
        for v, b in right.blocks.items()
    )
    slopes: tuple[Slope, ...] = ()
    constant = None
    if right.constant is not None:
        twice = 2.0 if term.right is None else 1.0
        slopes += _slopes(left, times(twice, times(term.weight, right.constant)), term.shape, dtype)
    if left.constant is not None and term.right is not None:
        slopes += _slopes(right, times(term.weight, left.constant), term.shape, dtype)
    if left.constant is not None and right.constant is not None:
        constant = _sum(times(term.weight, left.constant), right.constant, term.shape, dtype)
    return Parts(pairs, slopes, constant)


def localised(term: Linear | Product) -> Linear | Product:
    """The term with its scalar vars read as the one entry that they are."""
    if isinstance(term, Linear):
        return replace(term, form=_localised(term.form))
    right = None if term.right is None else _localised(term.right)
    return replace(term, left=_localised(term.left), right=right)


def _localised(form: Affine) -> Affine:
    def local(block: Block) -> Block:
        scalar = block.positions is None and block.var == ()
        return replace(block, positions=jnp.zeros((), int)) if scalar else block

    return replace(form, blocks={name: local(block) for name, block in form.blocks.items()})


def _flat(block: Block) -> Array | None:
    return None if block.positions is None else block.positions.reshape(-1)


def _slopes(form: Affine, weight: Any, shape: Sizes, dtype: Any) -> tuple[Slope, ...]:
    return tuple(Slope(name, _flat(block), slope(block, weight, shape, dtype)) for name, block in form.blocks.items())


def _sum(weight: Any, constant: Any, shape: Sizes, dtype: Any) -> Array | None:
    """Σ weight · constant over the entries of a shape."""
    if constant is None:
        return None
    return jnp.sum(jnp.broadcast_to(jnp.asarray(times(weight, constant), dtype), shape))
