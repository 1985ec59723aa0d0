"""How fast the search is, and how good (`__main__.py`)."""
