"""Views of a plan; nothing here computes a number that the plan does not hold."""
