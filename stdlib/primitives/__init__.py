"""JAX evaluations of what the language cannot say; imported by lowering alone."""
