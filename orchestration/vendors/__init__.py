"""One client per outside system: authentication, base URL, limits, error families."""
