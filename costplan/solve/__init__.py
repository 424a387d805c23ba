"""The mathematics of the allocation: problem, solvers, proof."""
