"""How do domain values become the API's messages, and back? For all who speak or keep protobuf."""
