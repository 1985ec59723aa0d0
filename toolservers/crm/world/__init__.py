"""The world as tables: their layouts, filling, comparing and counting them, and its clock. Nothing here knows of
tools, rules or callers."""
