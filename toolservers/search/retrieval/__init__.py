"""From a question to passages: understood (`query.py`), ranked by words and by meaning (`legs.py`), fused."""
