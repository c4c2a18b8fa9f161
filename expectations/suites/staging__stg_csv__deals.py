"""Deals of files: nothing is lost between raw and staging."""

from expectations.suite import suite

SUITE = suite("staging.stg_csv__deals", "REC8")
