"""Why a program has no solution: conditions that conflict, the least relaxation, rays of descent. Runs on the host."""
