"""The domain: what a call is, how it lives and how it ends."""
