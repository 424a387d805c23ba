"""Measurements and outcomes become estimates."""
