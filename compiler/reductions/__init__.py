"""Rewrites of a typed model, each with the map that recovers the original point."""
