"""Tables that people and the command line write: the graph reads them and never makes them."""

from __future__ import annotations

import dagster as dg

_GRAINS = {
    "tenants": "One row per tenant: a company whose data lives here. Made by `leadloop tenant create`.",
    "accounts": "One row per tenant, platform and ad account. Made by `leadloop account add`.",
    "routes": "One row per tenant, conversion kind and ad account: as which action an outcome goes to that platform.",
    "consent_policies": (
        "One row per tenant, region and moment from which a policy holds: on which ground outcomes are sent."
    ),
    "consent_changes": "One row per tenant and yes or no that a person of ours recorded.",
    "campaign_map": (
        "One row per tenant, campaign or ad group, and time from which a name holds, as people gave it."
    ),
}


def definitions() -> dg.Definitions:
    """The tables as assets that exist outside of runs."""
    return dg.Definitions(
        assets=[
            dg.AssetSpec(
                key=["ops", table],
                group_name="operations",
                description=grain,
                kinds={"postgres"},
                owners=["team:data"],
                metadata={"dagster/table_name": f"ops.{table}"},
            )
            for table, grain in _GRAINS.items()
        ]
    )
