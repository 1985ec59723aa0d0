"""Files inside one folder: listed, read and written so that no path leads out and no write is lost or torn."""
