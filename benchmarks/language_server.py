"""How long an editor waits: ``python benchmarks/language_server.py [--lines 700] [--edits 30]``.

Writes a model of that many lines, opens it in ``karush lsp``, changes one line after the other, and measures the time
from a change to the findings about it, over the real protocol. Prints the median, the slowest and the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time

from lsprotocol import types
from pygls.lsp.client import LanguageClient

URI = "file:///models/long.opt"
HEAD = """\
## A long model.
dim n, m, T = 20
param Q[n, n] in psd
param lo = -1.0, hi = 1.0
"""
STAGE = """\
# stage {k}
param A{k}[m, n], b{k}[m], g{k} in nonneg  ## data of stage {k}
param s{k}[T, n] in box(0, 1)
var x{k}[n] in box(lo, hi), u{k}[T, n]
let r{k} = A{k} @ x{k} - b{k}
let e{k} = g{k} * sumsq(r{k}) + norm1(x{k}) + huber(sum(x{k}), 1.0)
let h{k} = sum(huber(u{k}[t, i] - s{k}[t, i]) for t in T, i in n)
"""
ROWS = """\
  cap{k}: A{k} @ x{k} <= b{k} + 1
  step{k}: u{k}[t + 1] - u{k}[t] <= 0.5 * x{k}  for t in range(T - 1)
  total{k}: sum(x{k}) == {k} + 1
  abs{k}: abs(x{k}[i]) <= g{k} + sum(s{k}[t, i] for t in T)  for i in n if i >= 1
  soft{k}: 0 <= u{k} <= 1
"""


def model(lines: int) -> str:
    """A convex program of about this many lines."""
    stages = range(max(1, (lines - 6) // 13))
    goal = "\n         + ".join(f"e{k} + h{k}" for k in stages)
    parts = [STAGE.format(k=k) for k in stages]
    return HEAD + "".join(parts) + f"minimize {goal}\nsubject to\n" + "".join(ROWS.format(k=k) for k in stages)


async def measure(text: str, edits: int) -> list[float]:
    """Seconds from each change to its findings."""
    client = LanguageClient("benchmark", "1")
    told: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def on_findings(params: types.PublishDiagnosticsParams) -> None:
        told.put_nowait(params)

    await client.start_io(sys.executable, "-m", "karush", "lsp")
    await client.initialize_async(types.InitializeParams(types.ClientCapabilities()))
    client.initialized(types.InitializedParams())
    item = types.TextDocumentItem(URI, "karush", 1, text)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    assert not (await told.get()).diagnostics
    places = [n for n, line in enumerate(text.splitlines()) if line.startswith("let r")]
    waits = []
    for number in range(edits):
        end = types.Position(places[number % len(places)], 10_000)
        change = types.TextDocumentContentChangePartial(text=" + 1", range=types.Range(end, end))
        identifier = types.VersionedTextDocumentIdentifier(version=number + 2, uri=URI)
        start = time.perf_counter()
        client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))
        await told.get()
        waits.append(time.perf_counter() - start)
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    return waits


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=700)
    parser.add_argument("--edits", type=int, default=30)
    options = parser.parse_args()
    text = model(options.lines)
    waits = asyncio.run(measure(text, options.edits))
    print(
        f"{text.count(chr(10))} lines, {len(waits)} edits, {os.cpu_count()} cores: "
        f"median {statistics.median(waits) * 1e3:.0f} ms, slowest {max(waits) * 1e3:.0f} ms"
    )


if __name__ == "__main__":
    main()
