"""Benchmarks: side by side in one run, each peer at its default and its best settings, gradient error beside time."""
