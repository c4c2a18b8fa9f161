"""Identifiers: each one in staging has been read, into a hash or a reason."""

from expectations.suite import suite

SUITE = suite("vault.identifiers", "CNS2", "HSH1", "HSH2")
