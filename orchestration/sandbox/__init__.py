"""The sandbox: stand-ins of the outside systems on loopback, for demos, tests and anyone without credentials.

Each server answers as the platform's documentation or client library says, failures included, and counts what it
received. A comment names the source of each behaviour by the tags of the platform notes: DOC (the platform's own
documentation), LIB (read in the client library), RAN (seen with the real client), 3RD (a third party's code),
UNSURE (sources disagree; the stricter reading is taken).

Nothing in the product imports this package; the command line does, for ``demo``, ``dev`` and ``sandbox``.
"""
