"""Consent: whether every yes and every no reached the history."""

from expectations.suite import suite

SUITE = suite("marts.fct_consents", "CNS4")
