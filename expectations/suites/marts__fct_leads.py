"""Leads: whether they still carry the four campaign fields."""

from expectations.suite import suite

SUITE = suite("marts.fct_leads", "VOL3", "NUL1", "NUL2", "NUL3", "NUL4", "UNQ2", "PII1")
