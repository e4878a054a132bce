"""How does one machine show all of mediabridge: a LiveKit server, a model, the bridge, a page."""
