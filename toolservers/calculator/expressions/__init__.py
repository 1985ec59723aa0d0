"""Expressions as people write them: read, evaluated exactly or inside proven bounds, written out as understood."""
