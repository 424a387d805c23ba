"""Allocate reasoning compute per task class under a dollar or latency ceiling."""

__version__ = "0.1.0"
