"""What we pull, one module per system: pages the loader writes to ``raw.records``; and files that people bring."""
