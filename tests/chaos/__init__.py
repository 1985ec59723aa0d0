"""A gateway that is killed (-9) at every point at which it could be, and what became of its runs: `make chaos`."""
