"""The ledger: every thing that is owed to a destination, by which steps it moves, and what became of it.

``ledger`` brings it in line with the plan, ``leases`` puts rows into a sender's hands, ``submissions`` takes answers
that come later, ``adjustments`` finds what a platform was told and is no longer so; ``states`` has every step there is.
"""
