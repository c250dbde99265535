"""Shared set-up of the tests: double precision, and one compilation cache for all workers of a run."""

import os
import tempfile
from pathlib import Path

import hypothesis
import jax

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
