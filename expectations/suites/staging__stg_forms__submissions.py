"""Form submissions: nothing is lost between raw and staging."""

from expectations.suite import suite

SUITE = suite("staging.stg_forms__submissions", "REC2")
