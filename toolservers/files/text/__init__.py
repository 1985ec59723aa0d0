"""Bytes as text and back without loss: encodings, ends of lines, windows of lines, files larger than memory."""
