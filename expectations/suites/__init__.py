"""One module per table, named schema and table: which rules judge it, in the order in which they are read.

``SUITES`` has them in the order of the data's journey.
"""

from expectations.suite import Suite
from expectations.suites import (
    marts__delivery_plan,
    marts__delivery_quality,
    marts__fct_attribution,
    marts__fct_consents,
    marts__fct_conversions,
    marts__fct_leads,
    marts__fct_touches,
    marts__wapim_daily,
    ops__deliveries,
    staging__stg_ads__campaigns,
    staging__stg_crm__conversions,
    staging__stg_csv__deals,
    staging__stg_csv__leads,
    staging__stg_forms__submissions,
    staging__stg_intake__sender_counts,
    staging__stg_whatsapp__messages,
    vault__identifiers,
    vault__landings,
)

SUITES: tuple[Suite, ...] = (
    staging__stg_intake__sender_counts.SUITE,
    staging__stg_ads__campaigns.SUITE,
    staging__stg_forms__submissions.SUITE,
    staging__stg_whatsapp__messages.SUITE,
    staging__stg_csv__leads.SUITE,
    staging__stg_crm__conversions.SUITE,
    staging__stg_csv__deals.SUITE,
    vault__landings.SUITE,
    vault__identifiers.SUITE,
    marts__fct_touches.SUITE,
    marts__fct_leads.SUITE,
    marts__fct_consents.SUITE,
    marts__fct_conversions.SUITE,
    marts__fct_attribution.SUITE,
    marts__wapim_daily.SUITE,
    marts__delivery_plan.SUITE,
    ops__deliveries.SUITE,
    marts__delivery_quality.SUITE,
)
