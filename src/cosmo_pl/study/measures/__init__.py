"""Measurements of trained models and of data, by the name that a study gives them."""

NUMERICS = {
    "describe": "1.0",
    "embedding": "1.0",
    "features": "1.0",
    "latency": "1.0",
    "missing_sensors": "1.0",
    "quality": "1.0",
}
"""Measurement to "meaning.rounding", as classes have it; "1.0" where it is not named."""
