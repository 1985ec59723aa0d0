"""What is decided. No I/O, no clock, no randomness, no transport."""
