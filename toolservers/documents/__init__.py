"""Text and offsets out of files of many formats; the search and the files server use it.

`extracted.py` says what comes out, `unreadable.py` what is said of a file that gives nothing.
"""
