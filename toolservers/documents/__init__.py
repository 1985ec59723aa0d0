"""Text and offsets out of files of many formats; the search and the files server use it.

`opening.py` is the way in, with the table of formats: a module for each. `extracted.py` says what comes out,
`unreadable.py` what is said of a file that gives nothing.
"""
