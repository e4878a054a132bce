"""Who may use the API: principals, what proves them, and how much each may have at once."""
