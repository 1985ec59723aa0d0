"""Files that hold keys, by their names."""

KEY_FILES = (
    *("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "_netrc"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx"),
)
"""Globs, beside what begins with a dot. Servers of files show none of them."""
