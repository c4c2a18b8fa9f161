"""Conversions: all of them, plausible, once, and joined to their leads."""

from expectations.suite import suite

SUITE = suite(
    "marts.fct_conversions",
    "REC4",
    "FRS2",
    "VOL2",
    "PLA1",
    "PLA2",
    "PLA3",
    "UNQ1",
    "JOI1",
    "PII3",
)
