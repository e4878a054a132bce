"""What the domain asks of the world: protocols, and the values that cross them.

Adapters (room, model, store, workers) implement these; `calls` knows nothing else of them.
"""
