"""The tables of a run over sets of programs: counts and mean times, overhead over direct calls, every program."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable

import numpy as np

from benchmarks.set_rows import LIMIT, Row

# the shift of the geometric mean of times, in seconds
SHIFT = 1.0

# Programs from this size on count for the overhead over a direct call.
LARGE = 1000


def shifted_mean(seconds: Iterable[float]) -> float:
    """The geometric mean of times shifted by SHIFT."""
    return float(np.exp(np.mean(np.log(np.asarray(list(seconds)) + SHIFT))) - SHIFT)


def table(head: list[str], lines: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *(list(line) for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def label(row: Row) -> str:
    """How the solver of a row is called in the tables."""
    return f"{row.solver}, called directly" if row.is_direct else f"karush {row.solver}"


def summary(rows: list[Row], most: float) -> str:
    """Solved counts and mean times of each set and solver."""
    lines = []
    for set_name, solver in dict.fromkeys((row.set, label(row)) for row in rows):
        own = [row for row in rows if (row.set, label(row)) == (set_name, solver)]
        times = [row.seconds if row.is_right(most) else most for row in own]
        claimed = sum(row.status in ("solved", "infeasible", "unbounded") for row in own)
        right = sum(row.is_right(most) for row in own)
        lines.append([set_name, solver, str(right), str(len(own)), str(claimed), f"{shifted_mean(times):.2f}"])
    return table(["set", "solver", "right", "of", "claimed", "mean seconds"], lines)


def _cell(row: Row | None, most: float) -> str:
    if row is None:
        return ""
    if not np.isfinite(row.error):
        return f"**{row.status}**"
    text = f"{row.error:.0e}, {row.seconds:.3f}"
    return text if row.is_right(most) else f"**{row.status}** {text}"


def programs(rows: list[Row], most: float) -> str:
    """Every program with every solver: error and seconds; in bold what is not right."""
    solvers = list(dict.fromkeys(label(row) for row in rows))
    lines = []
    for key in dict.fromkeys((row.set, row.file) for row in rows):
        own = {label(row): row for row in rows if (row.set, row.file) == key}
        first = next(iter(own.values()))
        cells = [_cell(own.get(solver), most) for solver in solvers]
        lines.append([first.set, first.program, str(first.variables), str(first.rows), *cells])
    return table(["set", "program", "variables", "rows", *solvers], lines)


def _pairs(rows: list[Row]) -> list[tuple[Row, Row]]:
    """(karush by the automatic choice, the same package called directly) of the large programs both have solved."""
    rows = [row for row in rows if not row.is_wall]
    direct = {(row.set, row.file, row.solver): row for row in rows if row.is_direct}
    own = [row for row in rows if not row.is_direct and row.solver == "auto" and row.variables >= LARGE]
    pairs = [(row, direct.get((row.set, row.file, row.used))) for row in own]
    return [(row, other) for row, other in pairs if other and row.host > 0 and np.isfinite(other.seconds + row.seconds)]


def _share(pairs: list[tuple[Row, Row]], parts: list[float]) -> str:
    """What the parts are of the time in the packages: all together, the median program, and how many within a tenth."""
    hosts = [own.host for own, _ in pairs]
    each = sorted(part / host for part, host in zip(parts, hosts, strict=True))
    within = sum(share <= 0.1 for share in each)
    total, median = 100 * sum(parts) / sum(hosts), 100 * each[len(each) // 2]
    return f"{total:.1f} % of all time in packages, median {median:.0f} %, at most 10 % for {within} of {len(each)}"


def overhead(rows: list[Row]) -> str:
    """What a call of karush takes beside the package that it calls, at LARGE variables and more."""
    pairs = _pairs(rows)
    if not pairs:
        return "No such program was run."
    lines = []
    for own, other in pairs:
        rest = own.seconds - own.host - own.refinement
        parts = [f"{1e3 * value:.1f}" for value in (other.seconds, own.host, own.refinement, rest)]
        parts[1] += f" ({own.calls})"
        shares = [f"{100 * value / own.host:.0f} %" for value in (own.seconds - own.host, rest)]
        ratio = f"{own.seconds / other.seconds:.2f}"
        lines.append([own.program, str(own.variables), own.used, *parts, *shares, ratio, f"{other.error:.0e}"])
    head = ["program", "variables", "package", "direct ms", "package ms (calls)", "refinement ms", "rest ms"]
    text = table([*head, "refinement and rest", "rest", "karush / direct", "direct error"], lines)
    rests = [own.seconds - own.host - own.refinement for own, _ in pairs]
    alls = [own.seconds - own.host for own, _ in pairs]
    ratios = [np.log(own.seconds / other.seconds) for own, other in pairs]
    return (
        f"Refinement and rest: {_share(pairs, alls)}.\n\nThe rest alone: {_share(pairs, rests)}.\n\n"
        f"Geometric mean of karush / direct: {float(np.exp(np.mean(ratios))):.2f}.\n\n{text}"
    )


def versions() -> str:
    """What was measured, on what kind of machine."""
    names = ("jax", "clarabel", "highspy", "osqp", "scs", "moreau")
    found = {name: next(iter(importlib.metadata.distributions(name=name)), None) for name in names}
    said = ", ".join(f"{name} {package.version}" for name, package in found.items() if package is not None)
    return f"{platform.machine()}, {said}, double precision"


def failures(rows: list[Row], most: float) -> str:
    """The programs that karush does not solve, by solver."""
    own = [row for row in rows if not row.is_direct and not row.is_right(most)]
    lines = []
    for solver in dict.fromkeys(row.solver for row in own):
        said = [f"{row.program} ({row.status}, {row.error:.0e})" for row in own if row.solver == solver]
        lines.append(f"- {solver}: {', '.join(said)}")
    return "\n".join(lines) if lines else "None."


def _by_the_wall(rows: list[Row]) -> str:
    count = sum(row.is_wall for row in rows)
    return f" {count} of the {len(rows)} times are those of a clock on the wall while other work ran." if count else ""


def document(rows: list[Row], most: float, title: str, introduction: str, command: str, cores: int) -> str:
    """The page."""
    return (
        f"# {title}\n\nMade by `{command}` on {cores} core{'s' if cores > 1 else ''} ({versions()}). Times are "
        f"processor times; ratios mean something, single times do not.\n\n{introduction}\n\n"
        f"Right: the relative KKT error of the answer, or the defect of its certificate, is within {LIMIT:g}, and the "
        f"solve took at most {most:g} s. Claimed: what the solver itself says is solved or proved to have no solution. "
        f"Mean seconds: shifted geometric mean, shift {SHIFT:g} s; what is not right counts as {most:g} s. Times of "
        f"karush are those of a compiled call; below {LARGE} variables it is compiled without LLVM's optimisations."
        f"{_by_the_wall(rows)}\n\n{summary(rows, most)}\n\n"
        f"## What karush does not solve\n\n{failures(rows, most)}\n\n"
        f"## Overhead over the package\n\nPrograms with {LARGE} variables and more by the automatic choice. `package` "
        f"is the time within the package that karush calls, with the settings that karush asks for, and how often it "
        f"was called; `refinement` that of the sparse factorisations and solves which make its answer exact on the "
        f"active rows; `rest` conversions, residuals and verification. `direct` is the same package called by itself "
        f"at its defaults, on data in its own form, with the error of that answer.\n\n{overhead(rows)}\n\n"
        f"## Every program\n\nRelative error, seconds; what is not right is in bold.\n\n{programs(rows, most)}\n"
    )
