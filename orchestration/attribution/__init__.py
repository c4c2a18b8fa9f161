"""Attribution by computation: the models that see all journeys at once, and every model on anybody's files.

``journeys`` arranges touches and conversions as arrays; ``rules`` gives the models that look at one journey alone,
``markov`` and ``shapley`` those that learn from all of them; ``credits`` turns any of them into credit per touch, and
``files`` reads and writes CSV. Pure: nothing here knows a database, and nothing but ``files`` a file.

Lives elsewhere: the rule-based models over the warehouse (dbt's ``fct_attribution``).
"""
