"""Draw what conflicts: hours needed and hours there, month by month, and the changes that alone make the plan work."""

import contextlib
import io
import json
from pathlib import Path

import matplotlib
import numpy as np

from karush.cli.app import run

HERE = Path(__file__).parent


def explanation() -> dict:
    """What ``karush explain --infeasible --format json`` says."""
    stream = io.StringIO()
    files = [str(HERE / "plan.opt"), "-d", str(HERE / "data.json")]
    with contextlib.redirect_stdout(stream):
        run(["explain", *files, "--infeasible", "--format", "json"])
    return json.loads(stream.getvalue())


def main() -> None:
    """Write ``plan.png``."""
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    data, found = json.loads((HERE / "data.json").read_text()), explanation()
    months, products = list(data["hours"]), list(data["each"])
    needed = np.array([[data["each"][p] * data["demand"][p][t] for t in months] for p in products])
    hours = np.array(list(data["hours"].values()))
    blamed = {row["at"].get("t") for row in found["conflict"]}

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
    bottom = np.zeros(len(months))
    for product, row in zip(products, needed, strict=True):
        left.bar(months, row, bottom=bottom, label=f"for what is delivered: {product}")
        bottom += row
    left.step(np.arange(len(months) + 1) - 0.5, [*hours, hours[-1]], where="post", color="black", label="there are")
    for at, month in enumerate(months):
        if month in blamed:
            left.axvspan(at - 0.5, at + 0.5, color="tab:red", alpha=0.15)
    left.set(ylabel="machine hours", title="Months in the conflict are shaded")
    left.legend(fontsize=8, loc="upper left")
    changes = sorted(found["params"], key=lambda change: abs(change["by"] / change["value"]))[::-1]
    right.barh([c["param"] for c in changes], [100 * c["by"] / c["value"] for c in changes], color="tab:green")
    for at, change in enumerate(changes):
        right.annotate(f" {change['by']:+.3g}", (0, at), va="center", fontsize=8)
    right.axvline(0, color="black", linewidth=0.8)
    right.set(xlabel="change, %", title="Each alone makes the plan work")
    figure.savefig(HERE / "plan.png", dpi=110)


if __name__ == "__main__":
    main()
