"""When a host solver is the better choice, and which ones are asked in which order.

That is where a dense factorisation in every iteration would be slow, and on the CPU, where the host is: more than DENSE
variables, DENSE_CONES with rows in cones, whose iterations cost several times as much; or sparse matrices with more
than SPARSE variables and rows of which few entries are stored.
"""

from __future__ import annotations

from karush.solvers.host.registry import CLARABEL, HIGHS, OSQP, REPAIR, SCS, HostSolver
from karush.solvers.protocol import Facts

DENSE, DENSE_CONES, SPARSE = 2000, 500, 100

# A KKT matrix with a larger share of stored entries is better off dense.
DENSITY = 0.3


def is_sparse(facts: Facts) -> bool:
    """Whether a problem has sparse matrices that are worth it."""
    if not facts.has_known_sizes or facts.nonzeros is None:
        return False
    size = facts.variables + facts.equalities + facts.inequalities + facts.conic
    return bool(size > SPARSE and facts.nonzeros <= DENSITY * size * facts.variables)


def is_large(facts: Facts) -> bool:
    """Whether host solvers are made for such a problem."""
    if not facts.has_known_sizes or facts.platform != "cpu":
        return False
    if facts.nonzeros is None:
        return bool(facts.variables > (DENSE_CONES if facts.has_cones else DENSE))
    return is_sparse(facts)


def order(facts: Facts) -> tuple[HostSolver, ...]:
    """The host solvers in the order in which they are asked."""
    if facts.has_cones:
        return CLARABEL, SCS
    return (CLARABEL, OSQP) if facts.has_quadratic else (HIGHS, CLARABEL)


def host_choice(facts: Facts) -> tuple[tuple[str, ...], str]:
    """(names, reason) of the host solvers for such a problem; no names where another solver is the better choice.

    The reason is empty but where host solvers would be the better choice and are not installed.
    """
    if not is_large(facts):
        return (), ""
    names = tuple(host.name for host in order(facts) if host.is_installed)
    if not names:
        return (), f"; a host solver would be faster: {REPAIR}"
    stored = "dense matrices" if facts.nonzeros is None else f"sparse matrices with {facts.nonzeros} entries"
    reason = f"large ({facts.variables} variables, {stored}), on the CPU"
    if names[1:]:
        reason += f"; then {', '.join(names[1:])} where the answer does not verify"
    return names, reason
