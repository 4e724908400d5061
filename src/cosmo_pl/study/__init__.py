"""Studies: the paper's tables and figures as grids of runs, run, kept and rendered."""
