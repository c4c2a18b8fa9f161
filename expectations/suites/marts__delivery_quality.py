"""Match quality: what the platforms could make of what they were sent."""

from expectations.suite import suite

SUITE = suite("marts.delivery_quality", "MAT1", "MAT2")
