"""Evaluation logs read into outcomes: who answered what, how well, with how many tokens."""
