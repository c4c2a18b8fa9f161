"""Payloads: what each sender sends, turned into events. Pure: bytes and a time in, events out.

One module per sender, each with ``read``: ``crm`` (conversions), ``consent`` (a yes or a no), ``counts`` (what the
sender says it sent), ``forms``, ``whatsapp``. ``signed`` holds what the three schemas of our own share, ``fields``
their kinds of value, ``events`` what all of them return.

An event is stored as received. What is read here is only what the dedupe key, the tenant and, for senders that will
correct and repeat, the schema need; meaning is for staging.
"""
