from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from graph.settlement.month import Month
from graph.settlement.settle import Earnings, settle
from graph.settlement.spans import Capacity, Member, Period, PriceSchedule, Span, Terms, cut_into_spans
from graph.settlement.statement import LineItem, Statement, Totals

SEPTEMBER = Month(2025, 9)


def earnings_of(*values_aud: str) -> Earnings:
    """Return the earnings of discharges with the given values; a value below zero is cost-only."""
    values = [Decimal(value) for value in values_aud]
    return Earnings(
        revenue_aud=sum((value for value in values if value >= 0), start=Decimal(0)),
        cost_only_aud=sum((value for value in values if value < 0), start=Decimal(0)),
    )


def settle_whole(
    percentage: str,
    daily_fee: str,
    capacities_kwh: Mapping[str, str],
    earnings: Mapping[str, Earnings],
    month: Month = SEPTEMBER,
) -> Statement:
    """Settle a month that is a single span."""
    terms = Terms(Decimal(percentage), Decimal(daily_fee))
    capacities = {nmi: Decimal(kwh) for nmi, kwh in capacities_kwh.items()}
    return settle(month, [Span(month.first_day, month.until, terms, capacities)], [earnings])


# One site and one discharge. The figures: total, ad valorem fee, before fees, fee taken, fee waived, after fees,
# cost-only, VPP total.
@pytest.mark.parametrize(
    ("capacity_kwh", "percentage", "daily_fee", "energy_kwh", "tariff_cents", "figures"),
    [
        ("13.5", "20", "0.30", "5", "35", ["1.75", "0.35", "1.40", "1.40", "7.00", "0.00", "0.00", "1.75"]),
        ("10", "10", "0.50", "10", "500", ["50.00", "5.00", "45.00", "14.00", "0.00", "31.00", "0.00", "19.00"]),
        ("13.5", "20", "0.30", "10", "-20", ["0.00", "0.00", "0.00", "0.00", "8.40", "0.00", "-2.00", "-2.00"]),
        ("13.5", "0", "0", "10", "500", ["50.00", "0.00", "50.00", "0.00", "0.00", "50.00", "0.00", "0.00"]),
        ("13.5", "100", "0.30", "10", "500", ["50.00", "50.00", "0.00", "0.00", "8.40", "0.00", "0.00", "50.00"]),
    ],
)
def test_one_site_and_the_vpp_share_the_value_of_a_discharge(
    capacity_kwh: str, percentage: str, daily_fee: str, energy_kwh: str, tariff_cents: str, figures: list[str]
) -> None:
    discharge_aud = Decimal(energy_kwh) * Decimal(tariff_cents) / 100

    statement = settle_whole(percentage, daily_fee, {"A": capacity_kwh}, {"A": earnings_of(str(discharge_aud))})

    totals, [line] = statement.totals, statement.line_items
    assert [
        str(totals.total_revenue_aud),
        str(totals.ad_valorem_fee_aud),
        str(line.before_fees_aud),
        str(line.daily_fee_aud),
        str(line.waived_fee_aud),
        str(line.after_fees_aud),
        str(totals.cost_only_aud),
        str(totals.vpp_total_aud),
    ] == figures


# Two sites, VPP keeps 20%.                                                            A         B         VPP
@pytest.mark.parametrize(
    ("case", "capacities", "events", "fee", "shares"),
    [
        ("A alone earns", ("13.5", "13.5"), {"A": ["100"]}, "0", ["72.00", "8.00", "20.00"]),
        ("B cannot cover its fee", ("13.5", "13.5"), {"A": ["100"]}, "0.30", ["63.60", "0.00", "36.40"]),
        ("a costly discharge", ("13.5", "13.5"), {"A": ["-5"]}, "0.30", ["0.00", "0.00", "-5.00"]),
        (
            "revenue of both and a costly discharge",
            ("13.5", "13.5"),
            {"A": ["100", "-5"], "B": ["50"]},
            "0.30",
            ["67.60", "35.60", "41.80"],
        ),
        ("no events", ("13.5", "13.5"), {}, "0.30", ["0.00", "0.00", "0.00"]),
        ("by capacity", ("30", "10"), {"A": ["100"]}, "0", ["76.00", "4.00", "20.00"]),
        ("A has no battery", ("0", "10"), {"A": ["100"]}, "0", ["64.00", "16.00", "20.00"]),
        ("B has no battery", ("10", "0"), {"A": ["100"]}, "0", ["80.00", "0.00", "20.00"]),
        ("no site has a battery", ("0", "0"), {"A": ["100"], "B": ["50"]}, "0", ["80.00", "40.00", "30.00"]),
    ],
)
def test_two_sites_and_the_vpp_share_the_revenue_of_a_month(
    case: str, capacities: tuple[str, str], events: dict[str, list[str]], fee: str, shares: list[str]
) -> None:
    earnings = {nmi: earnings_of(*values) for nmi, values in events.items()}

    statement = settle_whole("20", fee, dict(zip("AB", capacities, strict=True)), earnings)

    assert [
        *(str(line.after_fees_aud) for line in statement.line_items),
        str(statement.totals.vpp_total_aud),
    ] == shares


def test_revenue_below_zero_is_shared_in_the_same_proportions_without_fees() -> None:
    statement = settle_whole("20", "0.30", {"A": "13.5", "B": "13.5"}, {"A": Earnings(Decimal(-100), Decimal(0))})

    assert statement.totals == Totals(
        total_revenue_aud=Decimal("-100.00"),
        ad_valorem_fee_aud=Decimal("-20.00"),
        daily_fees_aud=Decimal("0.00"),
        cost_only_aud=Decimal("0.00"),
        vpp_total_aud=Decimal("-20.00"),
        site_total_aud=Decimal("-80.00"),
    )
    assert [(line.after_fees_aud, line.waived_fee_aud) for line in statement.line_items] == [
        (Decimal("-72.00"), Decimal("8.40")),
        (Decimal("-8.00"), Decimal("8.40")),
    ]


def test_statement_has_every_figure_of_every_site_in_order_of_nmi() -> None:
    statement = settle_whole("20", "0.30", {"B": "10", "A": "30"}, {"A": earnings_of("100", "-5")})

    assert statement == Statement(
        SEPTEMBER,
        Totals(
            total_revenue_aud=Decimal("100.00"),
            ad_valorem_fee_aud=Decimal("20.00"),
            daily_fees_aud=Decimal("12.40"),
            cost_only_aud=Decimal("-5.00"),
            vpp_total_aud=Decimal("27.40"),
            site_total_aud=Decimal("67.60"),
        ),
        (
            LineItem(
                nmi="A",
                capacity_kwh=Decimal("30"),
                member_days=30,
                revenue_aud=Decimal("100.00"),
                ad_valorem_fee_aud=Decimal("20.00"),
                event_share_aud=Decimal("64.00"),
                capacity_share_aud=Decimal("12.00"),
                before_fees_aud=Decimal("76.00"),
                daily_fee_aud=Decimal("8.40"),
                waived_fee_aud=Decimal("0.00"),
                after_fees_aud=Decimal("67.60"),
            ),
            LineItem(
                nmi="B",
                capacity_kwh=Decimal("10"),
                member_days=30,
                revenue_aud=Decimal("0.00"),
                ad_valorem_fee_aud=Decimal("0.00"),
                event_share_aud=Decimal("0.00"),
                capacity_share_aud=Decimal("4.00"),
                before_fees_aud=Decimal("4.00"),
                daily_fee_aud=Decimal("4.00"),
                waived_fee_aud=Decimal("4.40"),
                after_fees_aud=Decimal("0.00"),
            ),
        ),
    )


def test_line_items_are_ordered_by_nmi_with_digits_first() -> None:
    nmis = ["NBBBX11111", "7102000001", "NAAAMYS582", "2001985733", "6305888444", "2001985732"]

    statement = settle_whole("20", "0.30", dict.fromkeys(nmis, "10"), {"NAAAMYS582": earnings_of("100")})

    assert [(line.nmi, str(line.revenue_aud)) for line in statement.line_items] == [
        ("2001985732", "0.00"),
        ("2001985733", "0.00"),
        ("6305888444", "0.00"),
        ("7102000001", "0.00"),
        ("NAAAMYS582", "100.00"),
        ("NBBBX11111", "0.00"),
    ]


def test_month_of_a_vpp_without_sites_has_zero_totals() -> None:
    statement = settle_whole("20", "0.30", {}, {})

    assert [str(amount) for amount in vars(statement.totals).values()] == ["0.00"] * 6
    assert statement.line_items == ()


@pytest.mark.parametrize("month", ["2024-02", "2025-02", "2025-09", "2025-10"])
def test_whole_month_costs_28_daily_fees_for_any_length_of_month(month: str) -> None:
    statement = settle_whole("0", "0.30", {"A": "10"}, {"A": earnings_of("100")}, Month.parse(month))

    assert statement.totals.daily_fees_aud == Decimal("8.40")


# Amounts of less than a cent, VPP keeps 50%.            revenue  VPP      A        B
@pytest.mark.parametrize(
    ("case", "revenues", "figures"),
    [
        ("a tie goes to the VPP", ["0.01", "0"], ["0.01", "0.01", "0.00", "0.00"]),
        ("then to the first site", ["0.01", "0.01"], ["0.02", "0.01", "0.01", "0.00"]),
        ("half a cent rounds up", ["0.005", "0"], ["0.01", "0.01", "0.00", "0.00"]),
        ("less does not", ["0.0049", "0"], ["0.00", "0.00", "0.00", "0.00"]),
        ("half a cent lost rounds away", ["-0.005", "0"], ["-0.01", "0.00", "-0.01", "0.00"]),
        ("a lost cent's tie goes to the VPP", ["-0.01", "0"], ["-0.01", "0.00", "-0.01", "0.00"]),
        ("gains and losses", ["0.01", "-0.01"], ["0.00", "0.00", "0.01", "-0.01"]),
    ],
)
def test_leftover_cents_go_to_the_parties_that_lost_most(case: str, revenues: list[str], figures: list[str]) -> None:
    earnings = {nmi: Earnings(Decimal(aud), Decimal(0)) for nmi, aud in zip("AB", revenues, strict=True)}

    statement = settle_whole("50", "0", {"A": "0", "B": "0"}, earnings)

    assert [
        str(statement.totals.total_revenue_aud),
        str(statement.totals.ad_valorem_fee_aud),
        *(str(line.before_fees_aud) for line in statement.line_items),
    ] == figures


def test_revenue_and_ad_valorem_fee_of_line_items_add_up_to_their_totals() -> None:
    thirds = {nmi: Earnings(Decimal("0.335"), Decimal(0)) for nmi in "ABC"}

    statement = settle_whole("50", "0", {"A": "1", "B": "1", "C": "1"}, thirds)

    assert str(statement.totals.total_revenue_aud) == "1.01"
    assert [str(line.revenue_aud) for line in statement.line_items] == ["0.34", "0.34", "0.33"]
    assert str(statement.totals.ad_valorem_fee_aud) == "0.50"
    assert [str(line.ad_valorem_fee_aud) for line in statement.line_items] == ["0.17", "0.17", "0.16"]


def test_capacity_share_is_before_fees_minus_the_rounded_event_share() -> None:
    statement = settle_whole("0", "0", {"A": "1", "B": "1", "C": "1"}, {"A": earnings_of("0.01")})

    assert [
        (str(line.before_fees_aud), str(line.event_share_aud), str(line.capacity_share_aud))
        for line in statement.line_items
    ] == [("0.01", "0.01", "0.00"), ("0.00", "0.00", "0.00"), ("0.00", "0.00", "0.00")]


@pytest.mark.parametrize(
    ("cost_only", "rounded"), [("-0.005", "-0.01"), ("-0.0049", "0.00"), ("-0.015", "-0.02"), ("0", "0.00")]
)
def test_cost_only_is_rounded_half_away_from_zero(cost_only: str, rounded: str) -> None:
    statement = settle_whole("20", "0", {"A": "1"}, {"A": Earnings(Decimal(0), Decimal(cost_only))})

    assert (str(statement.totals.cost_only_aud), str(statement.totals.vpp_total_aud)) == (rounded, rounded)


ALWAYS = Period()
TERMS = Terms(Decimal(20), Decimal("0.30"))
UNTIL_16TH = Period(None, date(2025, 9, 16))
FROM_16TH = Period(date(2025, 9, 16), None)
FROM_11TH = Period(date(2025, 9, 11), None)
FROM_30TH = Period(date(2025, 9, 30), None)


def member(nmi: str, memberships: Sequence[Period], *batteries: tuple[Period, str]) -> Member:
    return Member(nmi, tuple(memberships), tuple(Capacity(period, Decimal(kwh)) for period, kwh in batteries))


def settle_two_spans(price_schedules: Sequence[tuple[Period, Terms]], members: Sequence[Member]) -> Statement:
    """Settle a September of two spans, in each of which only A has revenue, of 100.00."""
    spans = cut_into_spans(SEPTEMBER, [PriceSchedule(period, terms) for period, terms in price_schedules], members)
    assert len(spans) == 2
    return settle(SEPTEMBER, spans, [{"A": earnings_of("100")}, {"A": earnings_of("100")}])


A = member("A", [ALWAYS], (ALWAYS, "10"))
B = member("B", [ALWAYS], (ALWAYS, "10"))


# A and B have 10 kWh, VPP keeps 20% and 0.30 a day.                                   A         B         VPP
@pytest.mark.parametrize(
    ("case", "price_schedules", "members", "shares"),
    [
        (
            "B assigned from the 16th",
            [(ALWAYS, TERMS)],
            [A, member("B", [FROM_16TH], (ALWAYS, "10"))],
            ["143.60", "3.80", "52.60"],
        ),
        (
            "B assigned from the 11th",
            [(ALWAYS, TERMS)],
            [A, member("B", [FROM_11TH], (ALWAYS, "10"))],
            ["143.60", "2.40", "54.00"],
        ),
        (
            "B on the last day only",
            [(ALWAYS, TERMS)],
            [A, member("B", [FROM_30TH], (ALWAYS, "10"))],
            ["143.60", "7.72", "48.68"],
        ),
        (
            "B gone on the 16th",
            [(ALWAYS, TERMS)],
            [A, member("B", [UNTIL_16TH], (ALWAYS, "10"))],
            ["143.60", "3.80", "52.60"],
        ),
        (
            "10% and 0.60 from the 16th",
            [(UNTIL_16TH, TERMS), (FROM_16TH, Terms(Decimal(10), Decimal("0.60")))],
            [A, B],
            ["140.40", "4.40", "55.20"],
        ),
        (
            "B's battery extended to 30 kWh",
            [(ALWAYS, TERMS)],
            [A, member("B", [ALWAYS], (UNTIL_16TH, "10"), (FROM_16TH, "30"))],
            ["131.60", "11.60", "56.80"],
        ),
        (
            "20 kWh more for A",
            [(ALWAYS, TERMS)],
            [member("A", [ALWAYS], (ALWAYS, "10"), (FROM_16TH, "20")), B],
            ["139.60", "3.60", "56.80"],
        ),
        (
            "B's battery removed",
            [(ALWAYS, TERMS)],
            [A, member("B", [ALWAYS], (UNTIL_16TH, "10"))],
            ["143.60", "0.00", "56.40"],
        ),
        (
            "the batteries of both removed",
            [(ALWAYS, TERMS)],
            [member("A", [ALWAYS], (UNTIL_16TH, "10")), member("B", [ALWAYS], (UNTIL_16TH, "10"))],
            ["143.60", "0.00", "56.40"],
        ),
    ],
)
def test_change_within_a_month_applies_from_its_effective_date(
    case: str, price_schedules: list[tuple[Period, Terms]], members: list[Member], shares: list[str]
) -> None:
    statement = settle_two_spans(price_schedules, members)

    assert [
        *(str(line.after_fees_aud) for line in statement.line_items),
        str(statement.totals.vpp_total_aud),
    ] == shares


@pytest.mark.parametrize(
    ("case", "b", "member_days", "capacity_kwh"),
    [
        ("assigned from the 16th", member("B", [FROM_16TH], (ALWAYS, "10")), 15, "10.000000"),
        ("on the last day only", member("B", [FROM_30TH], (ALWAYS, "13.5")), 1, "13.500000"),
        ("extended from the 16th", member("B", [ALWAYS], (UNTIL_16TH, "10"), (FROM_16TH, "13")), 30, "11.500000"),
        ("extended from the 11th", member("B", [ALWAYS], (ALWAYS, "10"), (FROM_11TH, "10")), 30, "16.666667"),
        ("removed from the 16th", member("B", [ALWAYS], (UNTIL_16TH, "10")), 30, "5.000000"),
    ],
)
def test_capacity_is_the_mean_over_the_member_days(case: str, b: Member, member_days: int, capacity_kwh: str) -> None:
    statement = settle_two_spans([(ALWAYS, TERMS)], [A, b])

    line = statement.line_items[1]
    assert (line.nmi, line.member_days, str(line.capacity_kwh)) == ("B", member_days, capacity_kwh)


def test_fee_over_several_spans_is_rounded_once() -> None:
    # Five days of October cost 1.354..., the last six cost 1.625...; rounded span by span, the sum would be 8.38.
    firsts = [date(2025, 10, day) for day in (1, 6, 11, 16, 21, 26)]
    spans = [
        Span(first, until, TERMS, {"A": Decimal(first.day)}) for first, until in pairwise([*firsts, date(2025, 11, 1)])
    ]

    statement = settle(Month(2025, 10), spans, [{}, {}, {}, {}, {}, {"A": earnings_of("100")}])

    assert str(statement.totals.daily_fees_aud) == "8.40"


def test_earnings_of_a_site_that_is_not_a_member_raise_value_error() -> None:
    with pytest.raises(ValueError, match=r"^B has earnings but is not a member from 2025-09-01 until 2025-10-01\.$"):
        settle_whole("20", "0", {"A": "1"}, {"A": earnings_of("1"), "B": earnings_of("1")})


def test_earnings_for_a_different_number_of_spans_raise_value_error() -> None:
    [span] = cut_into_spans(SEPTEMBER, [PriceSchedule(ALWAYS, TERMS)], [A])

    with pytest.raises(ValueError, match="shorter"):
        settle(SEPTEMBER, [span], [])
