"""The search server: finds and reads the documents of a knowledge base."""
