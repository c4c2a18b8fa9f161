"""The ledger: everything decided is owed, and nothing was taken twice."""

from expectations.suite import suite

SUITE = suite("ops.deliveries", "UNQ3", "CNS3")
