"""How long `karush check` takes: a file of 700 lines cold and unchanged, and how it grows up to 20 000 lines.

    python benchmarks/check_speed.py [--lines 700 5000 20000]

Seconds of a whole process in a cache of its own, the least of several runs: `cold` has nothing in it, `edited` the
parser's table, `unchanged` what was found of this very text too. Wall time and, in brackets, processor time, which does
not depend on what else runs. The last column is the processor time of `edited` a line, less that of an empty file,
against the shortest file: it stays near 1 where the time is linear.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAD = """## A generated model.
dim n, T = 10
param A[n, n], b[n], lam in nonneg = 0.1
var x[n], y[T + 1, n]
"""
BLOCK = """
## Group {i}.
param c{i}[n], d{i} in pos = 1.0   ## of group {i}
let r{i} = A @ x - c{i} * d{i}
let s{i} = sumsq(r{i}) + lam * norm1(x - c{i})
fn f{i}(z[m], t) = sum((z[j] - t)^2 for j in m) + {i}
let v{i} = f{i}(x, d{i}) / 2 + sum(max(y[t, j] - c{i}[j], 0) for t in T, j in n)
"""


def model(lines: int) -> str:
    """A model of about so many lines: half of them declarations, half constraints."""
    groups = max(1, lines // 10)
    blocks = "".join(BLOCK.format(i=i) for i in range(groups))
    total = "let total0 = 0\n" + "".join(f"let total{i + 1} = total{i} + s{i} + v{i}\n" for i in range(groups))
    rows = "".join(
        f"  cap{i}: x <= c{i} + d{i}\n  step{i}: -1 <= y[t + 1, j] - y[t, j] <= d{i}  for t in T, j in n if j > 0\n"
        for i in range(groups)
    )
    return f"{HEAD}{blocks}{total}minimize total{groups}\nsubject to\n{rows}"


def seconds(path: Path, cache: Path) -> tuple[float, float]:
    """Wall time and processor time of one check."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, "-m", "karush", "check", str(path)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


Times = tuple[float, float]


def measure(text: str, folder: Path, repeats: int) -> list[Times]:
    """The times cold, edited, unchanged."""
    rounds: list[list[Times]] = []
    for number in range(repeats):
        cache = Path(tempfile.mkdtemp(dir=folder))
        path = cache / "model.opt"
        path.write_text(text)
        cold, unchanged = seconds(path, cache), seconds(path, cache)
        path.write_text(f"{text}# edited {number}\n")
        rounds.append([cold, seconds(path, cache), unchanged])
    return [(min(wall for wall, _ in column), min(cpu for _, cpu in column)) for column in zip(*rounds, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[700, 2000, 5000, 20000])
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    print(f"{'lines':>7} {'cold':>15} {'edited':>15} {'unchanged':>15} {'per line':>9}")
    with tempfile.TemporaryDirectory() as folder:
        empty = measure("var x\nminimize x^2\n", Path(folder), given.repeats)[1][1]
        first = 0.0
        for lines in given.lines:
            text = model(lines)
            times = measure(text, Path(folder), given.repeats)
            per_line = (times[1][1] - empty) / text.count("\n")
            first = first or per_line
            shown = " ".join(f"{wall:7.2f} ({cpu:5.2f})" for wall, cpu in times)
            print(f"{text.count(chr(10)):7d} {shown} {per_line / first:9.2f}", flush=True)


if __name__ == "__main__":
    main()
