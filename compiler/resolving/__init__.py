"""Names, shapes and sets: AST to the typed model."""
