"""From a case to a plan."""
