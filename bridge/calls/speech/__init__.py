"""How agent and callers speak with each other, and stop each other."""
