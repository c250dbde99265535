"""Numerics: standard forms, embedded solvers, the derivative rule. Knows nothing of the language."""
