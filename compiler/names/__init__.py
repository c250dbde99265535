"""What names stand for: symbols, scopes, sizes, labels, bounds of indices."""
