"""Exact replacements: where they stand, what a miss is told, what they changed."""
