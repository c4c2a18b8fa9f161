"""Landings: each one in staging has been read."""

from expectations.suite import suite

SUITE = suite("vault.landings", "CNS1")
