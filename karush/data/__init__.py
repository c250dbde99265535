"""Data for a model: read from files or objects, bound to params by name, size and label, and checked."""
