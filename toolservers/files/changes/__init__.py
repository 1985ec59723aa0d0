"""Changing files: atomic, durable, undone when asked, and never over what nobody looked at.

changing.py    Changes: every way to change something, and to undo it
writing.py     a file's bytes; moving.py: copies, moves and deletes; undoing.py
committing.py  one change of one root: noted, renamed, compared, durable; settled after a kill
journal.py     the record of changes; quota.py: how much a root may hold
own_folder.py  `.toolward`, where changes are prepared and kept; staging.py, copies.py, trees.py, renames.py
"""

from toolservers.files.changes.changing import Changes
from toolservers.files.changes.outcome import Changed, Told

__all__ = ["Changed", "Changes", "Told"]
