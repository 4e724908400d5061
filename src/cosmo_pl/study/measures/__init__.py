"""Measurements of trained models and of data, one file for each; a study names the file."""

NUMERICS = {"decisions": "2.0", "latency": "2.1"}
"""Measurement to its "meaning.rounding", as of classes; "1.0" for measurements that are not listed."""
