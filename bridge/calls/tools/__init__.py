"""What becomes of the tools that a model calls."""
