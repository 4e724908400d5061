"""Measurements of trained models and of data, by the name that a study gives them."""
