"""The platforms' campaign lists: read lately, and all the way."""

from expectations.suite import suite

SUITE = suite("staging.stg_ads__campaigns", "FRS3")
