"""The world as a database: its tables, its clock, opening and filling it."""
