"""Rules of normalization: one set per platform and version, as data.

A rule has a code, a sentence, its sources and a function; a set has a recipe per kind, which is rules in order. Old
versions stay as they were and can be run, so that a stored hash can always be made again, and the effect of a change
counted before it is made.

    sources    where the facts are from
    rule       what a rule, a recipe and a set are
    text       rules for every kind; emails, phones, names, places: rules of those
    sets       which rules make which version of which platform
    plan       several recipes run as one

Lives elsewhere: hashing, tokens and the public face (``identifiers``).
"""
