"""One SQLite file with everything: documents, their text, passages, the full-text index, vectors.

A document is in it whole or not at all: `writing.py` puts its rows in one transaction. Whoever searches reads in
one transaction, too, and so sees one state of it whatever is written meanwhile.
"""
