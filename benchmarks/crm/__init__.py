"""What the CRM costs: calls by tool, and bringing a world back, over SQLite and PostgreSQL."""
