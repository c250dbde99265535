"""What the exit codes mean."""

from __future__ import annotations

DONE = 0
"""Done; also for an inaccurate solution and for a conservative derivative, with a warning."""
WRONG = 1
"""An error in the model or its data."""
USAGE = 2
"""Wrong usage, a missing file, something not available yet, or an internal error."""
NO_SOLUTION = 3
"""Infeasible or unbounded."""
STOPPED = 4
"""Stopped at a limit, or failed."""
UNDEFINED = 5
"""Solved, but the derivative that was asked for is undefined."""
INTERRUPTED = 130
"""Ended by Ctrl-C, as a shell reports it."""
PIPE_CLOSED = 141
"""The reader of stdout went away, as a shell reports it."""

OF_STATUS = {
    "solved": DONE, "solved_inaccurate": DONE, "infeasible": NO_SOLUTION, "unbounded": NO_SOLUTION,
    "limit": STOPPED, "failed": STOPPED,
}  # fmt: skip
"""The exit code of every status of a solve."""
