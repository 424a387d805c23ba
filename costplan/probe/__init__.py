"""Measure curves live, on the user's own questions."""
