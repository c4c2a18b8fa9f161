"""Accounts: where things may go, what they are configured with, and what they were found able to do."""
