"""What a list of numbers says: exact sums, spreads and percentiles, each with its definition."""
