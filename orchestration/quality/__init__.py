"""Quality: is what we hold complete, fresh, plausible and in agreement with itself?

The rules are data (``expectations/``). Here they are run by Great Expectations inside Postgres, tenant by tenant,
and what comes of them is told in four places: ``ops.check_results``, which the senders ask before they send, Dagster's
asset checks, the Data Docs, and the alerts. Only verdicts and counts leave this stage, never a value of a row.

Belongs here: running rules and telling the outcome. Lives elsewhere: keys and references (dbt's tests); the gate
before a delivery (``deliveries``).
"""
