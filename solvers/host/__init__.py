"""Solvers that run on the host, outside XLA: for large sparse work on the CPU."""
