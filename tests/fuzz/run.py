"""``python -m tests.fuzz.run --seconds 60``: look for inputs on which karush fails or takes long.

Every failure is shrunk and told once, with its place in the code; ``--keep tests/fuzz/corpus`` puts the inputs where
``test_corpus.py`` finds them. The exit code is 1 if anything was found.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import hypothesis
from hypothesis import strategies as st

from tests.fuzz import inputs, targets

SLOW = 2.0
LONGEST = 20
EXAMPLES = 60


class TooLongError(Exception):
    """An input on which nothing came for ``LONGEST`` seconds."""


@dataclass(frozen=True)
class Target:
    """Inputs of one kind, what they go through, and their bytes in the corpus."""

    ending: str
    made: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    content: Callable[[Any], bytes]


@dataclass(frozen=True)
class Found:
    """An input on which something went wrong, as a file of the corpus."""

    ending: str
    content: bytes


@dataclass
class Hunt:
    """What was found so far: failures by their place in the code, each once; inputs that took long, with their time."""

    until: float
    found: dict[str, Found] = field(default_factory=dict)
    slow: list[tuple[float, Found]] = field(default_factory=list)
    tried: int = 0


def of_text(text: str) -> bytes:
    """The bytes of a text; a surrogate, which no file holds, becomes a question mark."""
    return text.encode("utf-8", "replace")


def every_target() -> list[Target]:
    """Everything that is tried, turn by turn."""
    placed = st.tuples(inputs.models(), st.integers(0, 3000))
    found = [
        Target(".opt", inputs.models(), targets.language, of_text),
        Target(".cursor", placed, lambda made: targets.editor(*made), lambda made: of_text(f"{made[1]}\n{made[0]}")),
        Target(".setting", inputs.settings_of_params(), targets.setting, of_text),
    ]
    for ending in inputs.ENDINGS:
        found.append(Target(ending, inputs.data_files(ending), targets.target_of(f"x{ending}"), bytes))
    return [found[0], found[1], *found]


@contextmanager
def limited() -> Iterator[None]:
    """An end for what would not end."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)


def place_of(error: BaseException) -> str:
    """Kind of the error and where karush, or a check of it, was when it came up."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(str(inputs.ROOT))]
    last = frames[-1]
    said = str(error).splitlines()[0][:80] if isinstance(error, AssertionError) and str(error) else ""
    return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno} ({last.name}) {said}".rstrip()


def round_of(target: Target, hunt: Hunt, seed: int) -> None:
    """Some inputs of one kind; a failure ends the round once it is shrunk."""
    last: list[tuple[str, str, bytes]] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=False, report_multiple_bugs=False,
        suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )  # fmt: skip
    @hypothesis.given(target.made)
    def attempt(made: Any) -> None:
        if time.monotonic() > hunt.until:
            return
        began = time.process_time()  # not what other processes take
        hunt.tried += 1
        try:
            with limited():
                target.check(made)
        except Exception as error:
            place = place_of(error)
            if place not in hunt.found:
                last.append((place, traceback.format_exc(limit=-6), target.content(made)))
                raise
        took = time.process_time() - began
        if took > SLOW:
            hunt.slow.append((took, Found(target.ending, target.content(made))))

    with suppress(Exception):  # what was raised is in `last`, shrunk
        attempt()
    if last:
        place, trace, content = last[-1]
        hunt.found[place] = Found(target.ending, content)
        print(f"\nFOUND {place}\n{trace}{content[:1500].decode('utf-8', 'replace')}", flush=True)


def hunted(seconds: float, seed: int) -> Hunt:
    """What is found in a time: rounds of all kinds of inputs, one after the other."""
    hunt = Hunt(time.monotonic() + seconds)
    for number, target in enumerate(itertools.cycle(every_target()), start=seed):
        if time.monotonic() > hunt.until:
            return hunt
        round_of(target, hunt, number)
    raise AssertionError("the cycle of targets ended")


def keep(found: Found, folder: Path) -> None:
    """An input under a name made of its bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{hashlib.sha256(found.content).hexdigest()[:10]}{found.ending}").write_bytes(found.content)


def main(arguments: list[str]) -> int:
    """Hunt, tell, and keep what was found if that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each round counts one further")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write inputs that fail or take long here")
    options = parser.parse_args(arguments)
    hunt = hunted(options.seconds, options.seed)
    for took, found in hunt.slow:
        print(f"\nSLOW {took:.1f} s, {found.ending}\n{found.content[:1500].decode('utf-8', 'replace')}")
    everything = [*hunt.found.values(), *(found for _, found in hunt.slow)]
    if options.keep is not None:
        for found in everything:
            keep(found, options.keep)
    print(f"{hunt.tried} inputs, {len(hunt.found)} failures, {len(hunt.slow)} that took more than {SLOW:g} s")
    return 1 if everything else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
