"""The state that holds now, and every way to change it."""
