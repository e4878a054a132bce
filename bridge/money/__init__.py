"""What models cost and what tenants may spend: files that operators keep."""
