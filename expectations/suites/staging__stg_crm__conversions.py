"""CRM conversions: nothing is lost between raw and staging."""

from expectations.suite import suite

SUITE = suite("staging.stg_crm__conversions", "REC6")
