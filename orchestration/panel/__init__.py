"""The web panel: what the call centre and marketing look at."""
