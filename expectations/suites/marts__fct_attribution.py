"""Attribution: every conversion is credited once in each model."""

from expectations.suite import suite

SUITE = suite("marts.fct_attribution", "ATT1")
