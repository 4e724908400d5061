"""Measurements of trained models and of data, one file for each; a study names the file."""

NUMERICS = {
    "batch_statistics": "1.0",
    "clock_error": "1.0",
    "decisions": "2.0",
    "describe": "1.0",
    "embedding": "1.0",
    "features": "1.0",
    "latency": "2.1",
    "missing_sensors": "1.0",
    "quality": "1.0",
    "suggestions": "1.0",
    "switching": "1.0",
}
"""Measurement to its "meaning.rounding", as of classes; "1.0" for measurements that are not listed."""
