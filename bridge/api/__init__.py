"""The gRPC edge: requests become domain values, domain values become responses."""
