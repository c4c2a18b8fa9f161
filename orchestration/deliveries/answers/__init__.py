"""Answers to people: why something was sent or not, that every pair has its reason, and what an operator can do.

Nothing here decides about a delivery; ``operating`` alone changes rows, by the ledger's own steps.
"""
