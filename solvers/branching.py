"""Work that most lanes of a batch do not need."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from jax import Array, lax

State = TypeVar("State")


def at_most_once(wanted: Array, body: Callable[[State], State], state: State) -> State:
    """``body(state)`` where ``wanted`` (a boolean scalar), ``state`` as it was elsewhere.

    ``lax.cond`` under vmap computes both branches for every lane. This is a while loop of at most one turn:
    lanes that do not want the body keep their state, and where no lane of the batch wants it, it does not
    run.
    """

    def turn(carry: tuple[Array, State]) -> tuple[Array, State]:
        return carry[0] & False, body(carry[1])

    return lax.while_loop(lambda carry: carry[0], turn, (wanted, state))[1]
