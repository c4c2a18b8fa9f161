"""The journal: what left and what was answered, chained, checked, made again, and let go of when it is old."""
