"""How often tool search offers the right tool, and what it costs."""
