"""Between a front and the hosts that carry its calls."""
