"""Transform: the dbt project, seen from Python.

dbt turns what arrived into what people query: staging before enrichment, models and the delivery plan after it.
The models themselves live in ``dbt_project/``.

Belongs here: where the project is, running it in this process, its models as Dagster assets.
Lives elsewhere: what the models say (``dbt_project/models``), when they run (``automation``).
"""
