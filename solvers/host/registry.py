"""The host solvers by name. Their packages are optional and heavy: each is imported when its solver is first called.

That is by `importlib`, as one loads a plugin: a program that calls no host solver imports neither SciPy's sparse
matrices nor any of these packages.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from karush.solvers.protocol import Facts

if TYPE_CHECKING:
    from karush.solvers.host.program import Answer, HostProgram

REPAIR = 'pip install "karush[host]"'


@dataclass(frozen=True)
class HostSolver:
    """A host solver: ``package`` is what must be installed, ``has_cones`` whether it takes rows in cones.

    The module of the same name in this folder holds its function ``solve(program, tolerance, max_iterations)``.
    """

    name: str
    summary: str
    package: str
    has_cones: bool

    @property
    def is_installed(self) -> bool:
        """Whether the package can be imported; it is not."""
        return find_spec(self.package) is not None

    def refuses(self, facts: Facts) -> str | None:
        """Why it does not take a problem, None if it does."""
        if not self.is_installed:
            return f"the solver {self.name} needs the package {self.package}, which is not installed: {REPAIR}"
        if facts.has_cones and not self.has_cones:
            return f"the solver {self.name} takes no constraints in cones; {CLARABEL.name} and {SCS.name} do"
        return None

    def answer(self, program: HostProgram, tolerance: float, max_iterations: int | None) -> Answer:
        """What it says of a program."""
        module = importlib.import_module(f"karush.solvers.host.{self.name}")
        found: Answer = module.solve(program, tolerance, max_iterations)
        return found


CLARABEL = HostSolver("clarabel", "interior point on the host", "clarabel", has_cones=True)
HIGHS = HostSolver("highs", "simplex, interior point and active set on the host", "highspy", has_cones=False)
OSQP = HostSolver("osqp", "operator splitting on the host", "osqp", has_cones=False)
SCS = HostSolver("scs", "operator splitting with cones on the host", "scs", has_cones=True)
HOST_SOLVERS = (CLARABEL, HIGHS, OSQP, SCS)
