"""The wording of findings: one constructor for each, with typed arguments."""
