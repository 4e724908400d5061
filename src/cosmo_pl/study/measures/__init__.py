"""Measurements of trained models and of data, one file for each; a study names the file."""
