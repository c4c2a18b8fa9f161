"""Sending: whose turn it is, what stands in the way, and how one account's run goes."""
