"""Deliveries: everything that leaves, one way out for all of it.

    plan (dbt: ``marts.delivery_plan``)   each conversion × destination: send, hold or never, one reason each
      → ledger (``ops.deliveries``)       what we owe and what became of it
        → sender                          leases rows, commits, sends, commits each row's outcome
          → destinations/<vendor>         bodies and answers, pure

At least once in, stable id out: a sender killed anywhere sends again under the same event id.
"""
