"""The plan: one decision for each conversion and account."""

from expectations.suite import suite

SUITE = suite("marts.delivery_plan", "PLN1", "PII5")
