"""The day's WhatsApp leads: their messages add up, and no number shows."""

from expectations.suite import suite

SUITE = suite("marts.wapim_daily", "REC9", "PII4")
