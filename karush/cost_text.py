"""The price of a model as JSON and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from karush.compiler.cost.bound import Charge
from karush.cost import Cost, Price
from karush.measured import Measured, Run
from karush.report import VERSION

MODES = ("vjp", "jvp")
MOST_OPERATIONS = 20


def number(value: float) -> int | float:
    """A count: whole where it is."""
    return int(value) if float(value).is_integer() else round(value, 1)


def ratio(value: float | None) -> float | None:
    """A ratio to three digits after the point."""
    return None if value is None else round(value, 3)


def mode_ratio(charge: Charge, mode: str) -> float:
    """The worst ratio of an operation."""
    return charge.worst_reverse if mode == "vjp" else charge.worst_forward


def makers(price: Price, mode: str) -> list[str]:
    """The operations that make ω."""
    worst = price.book.reverse_ratio if mode == "vjp" else price.book.forward_ratio
    return [name for name, charge in price.book.charges.items() if charge.active and mode_ratio(charge, mode) == worst]


# ---------------------------------------------------------------- JSON


def cost_record(cost: Cost, measured: Measured | None) -> dict[str, Any]:
    """The JSON of a price."""
    whole = cost.whole
    record: dict[str, Any] = {
        "v": VERSION,
        "model": cost.compiled.model.name,
        "of": list(cost.of),
        "wrt": list(cost.wrt),
        "dims": {name: int(size) for name, size in cost.compiled.dims.items()},
        **price_record(whole),
        "residuals": {"arrays": len(cost.stored), "bytes": cost.stored_bytes},
        "operations": [charge_record(name, charge) for name, charge in ordered(whole.book.charges)],
        "apart": [charge_record(name, charge) for name, charge in ordered(whole.book.apart)],
        "loops": [loop_record(loop) for loop in whole.loops],
        "parts": {name: price_record(part) for name, part in cost.parts.items()},
    }
    if measured is not None:
        record["measured"] = {
            "on": measured.on,
            **{name: run_record(run) for name, run in runs(measured).items()},
        }
    return record


def price_record(price: Price) -> dict[str, Any]:
    """Operations, their ratios and bounds."""
    return {"program": number(price.program), **{mode: mode_record(price, mode) for mode in MODES}}


def mode_record(price: Price, mode: str) -> dict[str, Any]:
    """One derivative program: operations, their ratio, ω and what makes it, the bound on the ratio (null: a solver)."""
    reverse, book = mode == "vjp", price.book
    bounded = any(charge.active for charge in book.charges.values()) or not book.apart
    return {
        "operations": number(price.reverse if reverse else price.forward),
        "ratio": ratio(price.ratio(mode)),
        "omega": ratio(book.reverse_ratio if reverse else book.forward_ratio) if bounded else None,
        "made_by": makers(price, mode),
        "collecting": number(book.collecting if reverse else book.forward_moves),
        "bound": ratio(price.bound(mode)) if bounded else None,
    }


def charge_record(name: str, charge: Charge) -> dict[str, Any]:
    """One kind of operation."""
    return {
        "name": name,
        "times": number(charge.times),
        "cost": number(charge.cost),
        "vjp": number(charge.reverse),
        "jvp": number(charge.forward),
        "omega_vjp": ratio(charge.worst_reverse),
        "omega_jvp": ratio(charge.worst_forward),
    }


def loop_record(loop: Any) -> dict[str, Any]:
    """One loop of unknown length."""
    return {
        "name": loop.name,
        "per_iteration": number(loop.per_iteration),
        "times": number(loop.times),
        "depth": loop.depth,
    }


def run_record(run: Run) -> dict[str, Any]:
    """One program that ran."""
    return {"seconds": run.seconds, "flops": run.flops, "rounds": run.rounds}


def runs(measured: Measured) -> dict[str, Run]:
    """The programs that ran, by name."""
    return {"program": measured.program, "vjp": measured.reverse, "jvp": measured.forward}


def ordered(charges: Mapping[str, Charge]) -> list[tuple[str, Charge]]:
    """The dearest first."""
    return sorted(((n, c) for n, c in charges.items() if c.times), key=lambda item: (-item[1].cost, item[0]))


# ---------------------------------------------------------------- text

Row = Sequence[str]


def cost_text(cost: Cost, measured: Measured | None) -> str:
    """The price in tables."""
    return "\n".join(line.rstrip() for line in lines(cost, measured)) + "\n"


def lines(cost: Cost, measured: Measured | None) -> Iterator[str]:
    """All lines."""
    sizes = ", ".join(f"{name} = {size}" for name, size in cost.compiled.dims.items())
    yield f"{cost.compiled.model.name}: {', '.join(cost.of)} in {', '.join(cost.wrt)}" + (f"; {sizes}" if sizes else "")
    yield ""
    yield from table([("operations", "", "ratio", "bound", "ω", "made by"), *price_rows("program", cost.whole)])
    yield ""
    yield f"memory: the reverse derivative stores {len(cost.stored)} arrays, {cost.stored_bytes} bytes"
    yield from notes(cost.whole)
    if cost.parts:
        yield ""
        rows = [row for name, part in cost.parts.items() for row in price_rows(name, part)]
        yield from table([("parts", "", "ratio", "bound", "ω", "made by"), *rows])
    if cost.whole.loops:
        yield ""
        yield from table([("loops, each within the one it is indented under", "per iteration"), *loop_rows(cost.whole)])
    yield ""
    yield from operations(cost.whole)
    if measured is not None:
        yield ""
        yield from times(measured)


def price_rows(name: str, price: Price) -> list[Row]:
    """A program, and it with each derivative."""
    rows: list[Row] = [(name, shown(price.program), "", "", "", "")]
    for mode, words in (("vjp", "  with one VJP"), ("jvp", "  with one JVP")):
        found = mode_record(price, mode)
        numbers = (found["operations"], found["ratio"], found["bound"], found["omega"])
        rows.append((words, *map(shown, numbers), ", ".join(found["made_by"]) or "-"))
    return rows


def notes(price: Price) -> Iterator[str]:
    """What the numbers do not say by themselves."""
    if price.book.collecting:
        additions = shown(number(price.book.collecting))
        yield f"beyond ω: {additions} additions of cotangents of small parts to the whole arrays they are taken from"
    if price.book.apart:
        names = ", ".join(price.book.apart)
        yield f"apart: {names}, with one iteration of each loop. Its derivative has a rule of its own (a linear system"
        yield "at the solution), whose price does not grow with the iterations; ω holds for all other operations"


def loop_rows(price: Price) -> list[Row]:
    """The loops of unknown length."""
    return [("  " * (loop.depth + 1) + loop.name, shown(number(loop.per_iteration))) for loop in price.loops]


def operations(price: Price) -> Iterator[str]:
    """The operations of the program, the dearest first."""
    head = ("operation", "times", "cost", "with VJP", "with JVP", "ω VJP", "ω JVP")
    every = [*ordered(price.book.apart), *ordered(price.book.charges)]
    rows = [tuple(map(shown, charge_record(name, charge).values())) for name, charge in every[:MOST_OPERATIONS]]
    yield from table([head, *rows])
    if len(every) > MOST_OPERATIONS:
        yield f"… and {len(every) - MOST_OPERATIONS} more, with --json"


def times(measured: Measured) -> Iterator[str]:
    """What was measured, and on what."""
    base = measured.program
    head = ("measured", "ms", "ratio", "XLA flops", "ratio")
    rows = [
        (
            name,
            f"{1e3 * run.seconds:.3g}",
            shown(ratio(run.seconds / base.seconds)),
            shown(run.flops),
            shown(ratio(run.flops / base.flops) if run.flops and base.flops else None),
        )
        for name, run in runs(measured).items()
    ]
    yield from table([head, *rows])
    yield f"medians of {base.rounds} runs on {measured.on}; XLA counts a loop as one iteration"


def shown(value: Any) -> str:
    """A number as it is read: thousands apart."""
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if float(value).is_integer() or abs(value) >= 1e5:
        return f"{round(value):,}".replace(",", " ")
    return f"{value:.6g}"


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Columns under a head: words to the left, numbers to the right."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    words = [k == 0 or any(text[:1].isalpha() for text in column[1:]) for k, column in enumerate(columns)]
    for row in rows:
        cells = zip(row, widths, words, strict=True)
        yield "  ".join(text.ljust(width) if is_word else text.rjust(width) for text, width, is_word in cells)
