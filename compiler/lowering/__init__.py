"""The typed model as JAX functions: values, standard forms, compiled problems."""
