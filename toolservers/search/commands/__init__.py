"""`toolserver search index|watch|status|eval`."""
