"""Calendar arithmetic without a clock: durations, differences, business days, time zones, each step shown."""
