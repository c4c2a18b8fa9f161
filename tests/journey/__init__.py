"""The product as its user has it."""
