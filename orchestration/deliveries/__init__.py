"""Deliveries: everything that leaves, one way out for all of it.

    plan (dbt: ``marts.delivery_plan``)   each conversion × destination: send, hold or never, one reason each
      → ledger                            what we owe, by which steps it moves, and what became of it
        → sending                         whose turn it is: lease, commit, send, commit each row's outcome
          → destinations/<vendor>         bodies and answers, pure
        → journal                         what left and what was answered, chained

``accounts`` are the doors, ``consent`` what people said, ``answers`` what people ask.

At least once in, stable id out: a sender killed anywhere sends again under the same event id.
"""
