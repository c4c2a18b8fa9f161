"""WhatsApp messages: nothing is lost between raw and staging."""

from expectations.suite import suite

SUITE = suite("staging.stg_whatsapp__messages", "REC5")
