"""A statement: the result of settling a month, in cents."""

from dataclasses import dataclass
from decimal import Decimal

from graph.settlement.month import Month


@dataclass(frozen=True)
class Totals:
    """
    The totals of a month for the VPP and its sites, in AUD. To the cent:

        total_revenue_aud              = ad_valorem_fee_aud + daily_fees_aud + site_total_aud
        vpp_total_aud                  = ad_valorem_fee_aud + daily_fees_aud + cost_only_aud
        vpp_total_aud + site_total_aud = total_revenue_aud + cost_only_aud
    """

    total_revenue_aud: Decimal
    ad_valorem_fee_aud: Decimal
    daily_fees_aud: Decimal
    cost_only_aud: Decimal
    vpp_total_aud: Decimal
    site_total_aud: Decimal


@dataclass(frozen=True)
class LineItem:
    """
    One site's part of a statement, with amounts in AUD. To the cent:

        before_fees_aud = event_share_aud + capacity_share_aud
        after_fees_aud  = before_fees_aud - daily_fee_aud

    `capacity_kwh` is the mean over the days on which the site was a member, rounded to six decimals.
    """

    nmi: str
    capacity_kwh: Decimal
    member_days: int
    revenue_aud: Decimal
    ad_valorem_fee_aud: Decimal
    event_share_aud: Decimal
    capacity_share_aud: Decimal
    before_fees_aud: Decimal
    daily_fee_aud: Decimal
    waived_fee_aud: Decimal
    after_fees_aud: Decimal


@dataclass(frozen=True)
class Statement:
    """A month's totals, and a line item for each site that was a member on any day of the month, in order of NMI."""

    month: Month
    totals: Totals
    line_items: tuple[LineItem, ...]
