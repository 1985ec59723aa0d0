"""Texts as vectors: where they come from, and how the index is brought up to a model."""
