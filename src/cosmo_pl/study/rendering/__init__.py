"""Tables and figures from results, each beside what the paper states."""
