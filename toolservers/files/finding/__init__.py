"""What there is: folders as trees, and text in files."""
