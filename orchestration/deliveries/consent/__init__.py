"""Consent: what people said, what that leaves due, and the proof that nothing left against it."""
