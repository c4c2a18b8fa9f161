"""The ledger: everything decided is owed, nothing was taken twice, and nothing waits at a closed door."""

from expectations.suite import suite

SUITE = suite("ops.deliveries", "UNQ3", "CNS3", "DLV1")
