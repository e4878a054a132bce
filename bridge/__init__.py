"""mediabridge: voice calls between LiveKit rooms and realtime models, steered over gRPC."""
