"""One printer for each stage."""
