"""Studies: the paper's tables and figures as grids of runs, which are run, stored and rendered."""
