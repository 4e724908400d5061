"""Recordings as devices write them: timestamped streams of several sensors, and labels as intervals of time."""
