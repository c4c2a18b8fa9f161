"""Touches: all of them, in time, in the usual number, and nobody's address among them."""

from expectations.suite import suite

SUITE = suite("marts.fct_touches", "REC3", "FRS1", "VOL1", "TCH2", "PII2")
