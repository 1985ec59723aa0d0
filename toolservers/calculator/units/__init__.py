"""Conversion of units: what a unit's text means, what it is worth, and what may be converted into what."""
