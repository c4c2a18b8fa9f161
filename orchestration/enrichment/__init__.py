"""Stage 4, enrichment: what SQL cannot do well, done once per distinct value.

Belongs here: reading landing URLs (``landing``), normalizing and hashing identifiers
(``identifiers``) by versioned rules (``rules``, ``numbering``), holding any implementation
against the conformance file (``conformance``), counting what a change of rules would alter
(``changes``), the JSON lines of the command line (``jsonlines``), and the two assets that keep
``vault.landings`` and ``vault.identifiers`` complete (``assets``, ``vault``).
Lives elsewhere: which values there are (dbt staging), and what a parameter means: a
source's spelling, an id's platform, a campaign's name (dbt intermediate and marts).
"""
