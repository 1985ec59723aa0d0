"""Files become documents of the index: found, taken apart, compared, written."""
