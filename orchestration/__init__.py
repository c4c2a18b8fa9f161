"""Leadloop: from the click on an ad to the business outcome, and back to the platform that earned it.

The folders, in the order in which the data travels:

    intake/       1  what is pushed to us: verify, store as received, acknowledge  → raw.events
    sources/      2  what we pull: pages and cursors                               → raw.records
    transform/    3  dbt, staging: one canonical shape                             → staging
    enrichment/   4  URLs into parameters, identifiers into hashes                 → vault
    transform/    5  dbt, models: touches, leads, conversions, credit              → marts
    attribution/  5  models that see all journeys at once; every model on anybody's files
    quality/      6  numbered rules as asset checks; a failed one blocks what leaves
    deliveries/   7  plan, ledger, sender: what goes back to the platforms         → ops.deliveries
    panel/        8  what people look at

Stages never import one another: what they share is a table. All of them may import the foundation
(``settings``, ``automation``, ``warehouse``, ``vendors``); ``definitions`` and ``cli`` put them together.
``sandbox/`` stands in for the outside world and is imported by the command line alone.
"""
