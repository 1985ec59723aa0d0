"""The CRM server: customers, orders, payments and tickets of a demo company, in a real database."""
