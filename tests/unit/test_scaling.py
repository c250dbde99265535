"""Equilibration of programs whose data say little about the length of x."""

import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.scaling import equilibrate


def program(rhs: float) -> QuadraticProgram:
    """Three variables between 0 and 1000, one equality with such a right-hand side."""
    return QuadraticProgram(
        quadratic=None,
        linear=jnp.asarray([1.0, -1.0, 0.5]),
        constant=jnp.asarray(0.0),
        equality_matrix=jnp.asarray([[1.0, 1.0, -1.0]]),
        equality_rhs=jnp.asarray([rhs]),
        inequality_matrix=jnp.zeros((0, 3)),
        lower=None,
        upper=None,
        bound_lower=jnp.zeros(3),
        bound_upper=jnp.full(3, 1000.0),
    )


@pytest.mark.parametrize("noise", [1e-16, -9e-13, 2e-12])
def test_a_right_hand_side_that_is_rounding_does_not_set_the_length_of_x(noise: float) -> None:
    exact, given = (equilibrate(program(rhs))[1] for rhs in (0.0, noise))
    np.testing.assert_allclose(given.variables, exact.variables, rtol=1e-12)


def test_a_right_hand_side_does() -> None:
    near, far = (equilibrate(program(rhs))[1] for rhs in (1.0, 100.0))
    np.testing.assert_allclose(far.variables / near.variables, 100.0, rtol=1e-12)
