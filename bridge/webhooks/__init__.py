"""Events of calls, sent to the endpoints of their tenants."""
