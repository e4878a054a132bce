"""Generated from proto/bridge/workers/v1 by `make generate`; never edited."""
