"""What `edit_file` gets right: the hunks of a repository's own commits, beside another file server."""
