"""What a decision costs, by the number of rules."""
