"""The senders' own counts, held against what was stored."""

from expectations.suite import suite

SUITE = suite("staging.stg_intake__sender_counts", "REC1")
