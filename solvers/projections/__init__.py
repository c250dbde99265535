"""Projections onto convex sets, each with its derivative: P_C(v) is the point of C nearest to v."""
