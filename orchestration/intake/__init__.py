"""Intake: the HTTP service that takes what is pushed to us.

A request is read under limits, proven by its signature, given to the tenant whose key proved it, parsed strictly,
queued, committed, and only then acknowledged. In the order of that work:

    server        sockets: head deadline, head size, connection cap, draining at SIGTERM
    guard         what every request passes, and the one log line that it leaves
    app           the routes
    receiving     the body, counted while it streams
    verification  signatures on raw bytes            keys    who may sign, from ops.intake_keys
    accounts      whose each part of a WhatsApp notification is, where tenants share a secret
    strict_json   bytes → values, or a refusal        payloads/  one module per sender: values → events
    reception     one request through all of these
    writer        many requests, one commit           store   what that commit does
    answers       what the others are told             problems  every refusal
    document      both, as OpenAPI

Work starts from the stored row, never from memory: nothing here knows what an event means.
"""
