"""Usage logs become task classes, evaluation logs become outcomes."""
