"""Records become facts: pure functions, no clock."""
