"""What a world is filled with."""
