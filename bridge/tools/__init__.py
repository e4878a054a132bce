"""Who executes an agent's tools: gateways on their streams, HTTP endpoints, MCP servers."""
