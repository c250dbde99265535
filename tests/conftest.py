"""Shared set-up of the tests: double precision, and one compilation cache for all workers of a run."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import jax
import pytest

# A test's program runs once or twice: half of a run's time would be spent on optimising it. Read at JAX's first use.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")
jax.config.update("jax_enable_x64", True)
jax.config.update(
    "jax_compilation_cache_dir",
    os.environ.get("KARUSH_TEST_CACHE", str(Path(tempfile.gettempdir()) / f"karush-tests-{os.getuid()}")),
)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
hypothesis.settings.register_profile(
    "karush", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("karush")


# Linux grants a process 65 530 mappings of memory, a compiled program takes six and more, and XLA ends the process
# where one is refused: the programs of finished test files have to go long before.
MOST_MAPPINGS = 10_000


def _mappings() -> int:
    """The number of this process's mappings; 0 where the system does not tell."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return 0


@pytest.fixture(autouse=True, scope="module")
def _let_go_of_programs() -> Iterator[None]:
    """After a test file, forget the compiled programs if there are many."""
    yield
    if _mappings() > MOST_MAPPINGS:
        jax.clear_caches()
