"""Generated from proto/bridge/v1 by `make generate`; never edited."""
