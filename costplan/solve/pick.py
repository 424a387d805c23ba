"""A choice: an option and the share of its class that it takes."""

from __future__ import annotations

from decimal import Decimal

SHARE_PLACES = 15
"""Decimal places of a share; a class's shares add up to exactly 1."""

Pick = tuple[int, Decimal]
"""Option index and the share of its class that it takes."""
