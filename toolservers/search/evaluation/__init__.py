"""How good the search is, by questions whose answers are known."""
