"""Tool servers that tests start as processes."""
