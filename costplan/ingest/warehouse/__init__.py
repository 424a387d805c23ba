"""Logs that sit in a warehouse: the same counts, made where the data are."""
