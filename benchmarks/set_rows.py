"""What one solver made of one program, kept in a file with one JSON object a line: a run goes on where one ended."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

LIMIT = 1e-6

# Processor time: what else runs on the machine does not count.
clock = time.process_time


@dataclass(frozen=True)
class Task:
    """One program of a set and who is to solve it; ``is_direct``: a package by itself, without karush."""

    set: str
    path: str
    solver: str
    is_direct: bool

    @property
    def key(self) -> tuple[str, str, str, bool]:
        """What a row is found by."""
        return self.set, Path(self.path).name, self.solver, self.is_direct


@dataclass(frozen=True)
class Row:
    """The outcome: ``error`` of the answer as judged, infinite where there is none; times in seconds.

    ``used`` names the solver behind an automatic choice. Of ``seconds`` the packages on the host took ``host``, in
    ``calls`` calls, and factorisations and solves of the refinement ``refinement``; ``compile`` came before. With
    ``is_quick`` it was compiled without LLVM's optimisations, with ``is_wall`` times are those of a clock on the wall.
    """

    set: str
    file: str
    program: str
    variables: int
    rows: int
    solver: str
    is_direct: bool
    status: str
    error: float
    seconds: float
    used: str = ""
    compile: float = 0.0
    host: float = 0.0
    calls: int = 0
    refinement: float = 0.0
    is_quick: bool = False
    is_wall: bool = False

    @property
    def key(self) -> tuple[str, str, str, bool]:
        """What the row is found by."""
        return self.set, self.file, self.solver, self.is_direct

    def is_right(self, most: float) -> bool:
        """Within the limits of error and time."""
        return self.error <= LIMIT and self.seconds <= most


Rows = dict[tuple[str, str, str, bool], Row]


def load(path: Path | None) -> Rows:
    """The rows of a file, the last of each key; none where there is no file."""
    if path is None or not path.exists():
        return {}
    rows = [Row(**json.loads(line)) for line in path.read_text().splitlines() if line.strip()]
    return {row.key: row for row in rows}


def append(path: Path | None, row: Row) -> None:
    """Write a row at the end of the file."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def ended(task: Task, program: str, variables: int, rows: int, why: str) -> Row:
    """The row of a task without an answer."""
    infinite = float("inf")
    name = Path(task.path).name
    return Row(task.set, name, program, variables, rows, task.solver, task.is_direct, why, infinite, infinite)
