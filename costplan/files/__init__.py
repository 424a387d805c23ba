"""YAML and CSV to checked values and back, with the place of every fault."""
