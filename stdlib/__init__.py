"""The vocabulary: atoms and sets declared in .opt files, and the lattices of facts."""
