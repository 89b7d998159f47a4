"""
The instructions Create VPP, Create Site and Create Battery.

An instruction that is run again changes nothing: its values are those that first applied, or those of today. Other
values change something only from a day on, or for all time, and never replace a later period.
"""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple, TypeVar

from graph.commands.script.client import Client, JsonObject, Refused
from graph.commands.script.instructions import Create, CreateBattery, CreateSite, CreateVpp

GET_VPP = """
query ($name: String!) {
  getVppByName(name: $name) {
    id name revenuePercentage dailyFeeAud
    priceSchedules { revenuePercentage dailyFeeAud effectiveFrom effectiveUntil }
  }
}
"""
CREATE_VPP = "mutation ($input: CreateVppInput!) { createVpp(input: $input) { id } }"
UPDATE_VPP = "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }"

GET_SITE = """
query ($nmi: String!) {
  getSiteByNmi(nmi: $nmi) {
    id address
    vpp { name }
    memberships { vpp { name } effectiveFrom effectiveUntil }
  }
}
"""
CREATE_SITE = "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id } }"
UPDATE_SITE = "mutation ($input: UpdateSiteInput!) { updateSite(input: $input) { id } }"
ASSIGN_SITE = "mutation ($input: AssignSiteInput!) { assignSite(input: $input) { id } }"

# A battery that was removed from the site is found on a day on which it was there.
GET_BATTERIES = """
query ($nmi: String!, $day: AWSDate) {
  getSiteByNmi(nmi: $nmi) {
    id
    onDay: batteries(on: $day) { ...Periods }
    atFirst: batteries(on: "0001-01-01") { ...Periods }
  }
}
fragment Periods on Battery {
  id manufacturer serial capacityKwh
  capacities { capacityKwh effectiveFrom effectiveUntil }
}
"""
ADD_BATTERY = "mutation ($input: AddBatteryInput!) { addBattery(input: $input) { id } }"
UPDATE_BATTERY = "mutation ($input: UpdateBatteryInput!) { updateBattery(input: $input) { id } }"

# A message describes at most this many periods.
MAX_PERIODS_DESCRIBED = 5

Value = TypeVar("Value")


class Period(NamedTuple):
    """The days `[effective_from, effective_until)`, written YYYY-MM-DD, with their value; None is open."""

    effective_from: str | None
    effective_until: str | None
    value: object

    def __str__(self) -> str:
        first_day = f" from {self.effective_from}" if self.effective_from else ""
        if self.effective_until is None:
            return f"{self.value}{first_day}"
        return f"{self.value}{first_day} until {date.fromisoformat(self.effective_until) - timedelta(days=1)}"


class Terms(NamedTuple):
    """The terms of a VPP."""

    revenue_percentage: float
    daily_fee_aud: float

    def __str__(self) -> str:
        return f"{self.revenue_percentage:g} % and {self.daily_fee_aud:g} AUD a day"


class Capacity(NamedTuple):
    """The capacity of a battery."""

    capacity_kwh: float

    def __str__(self) -> str:
        return f"{self.capacity_kwh:g} kWh"


async def create_vpp(vpp: CreateVpp, client: Client) -> str:
    """
    Create a VPP, or change its terms in the period of the instruction, and return a summary.

    Raises Refused if its terms differ and the instruction has no period, and if the API rejects it.
    """
    input = {"revenuePercentage": vpp.revenue_percentage, "dailyFeeAud": vpp.daily_fee_aud}
    terms = Terms(vpp.revenue_percentage, vpp.daily_fee_aud)
    existing = await client.execute(GET_VPP, name=vpp.name)
    if existing is None:
        await client.execute(CREATE_VPP, input={"name": vpp.name, **input})
        note = " Its first terms apply to all days, earlier ones too." if vpp.effective_from else ""
        return f"Created VPP {vpp.name}.{note}"
    periods = parse_periods(existing["priceSchedules"], parse_terms)
    if not must_change(vpp, terms, periods, today=parse_terms(existing), subject=f"The VPP {vpp.name}"):
        return f"VPP {vpp.name} has these terms already."
    await client.execute(UPDATE_VPP, input={"id": existing["id"], **input, **period_input(vpp)})
    return f"Changed the terms of VPP {vpp.name} {describe_period(vpp)}."


async def create_site(site: CreateSite, client: Client) -> str:
    """
    Create a site, or change its membership in the period of the instruction, and return a summary.

    Raises Refused if its VPP or address differs and the instruction does not say when, and if the API rejects it.
    """
    vpp = await find_vpp(site.vpp_name, client)
    name: str = vpp["name"]
    existing = await client.execute(GET_SITE, nmi=site.nmi)
    if existing is None:
        first_day = {"effectiveFrom": site.effective_from}
        await client.execute(
            CREATE_SITE, input={"vppId": vpp["id"], "nmi": site.nmi, "address": site.address, **first_day}
        )
        return f"Created site {site.nmi} in {site.vpp_name}{describe_first_day(site)}."

    has_other_address = in_nfc(site.address) != in_nfc(existing["address"])
    if has_other_address and not site.for_all_time:
        raise Refused(
            f"The site {site.nmi} has the address {existing['address']!r}. An address applies to all days:"
            ' end the line with "for all time" to change it.'
        )
    periods = parse_periods(existing["memberships"], parse_vpp_name)
    today = None if existing["vpp"] is None else existing["vpp"]["name"]
    has_other_days = site.for_all_time and periods != [Period(None, None, name)]
    must_move = has_other_days or must_change(site, name, periods, today=today, subject=f"The site {site.nmi}")
    if has_other_address:
        await client.execute(UPDATE_SITE, input={"id": existing["id"], "address": site.address})
    if must_move:
        await client.execute(ASSIGN_SITE, input={"siteId": existing["id"], "vppId": vpp["id"], **period_input(site)})
        return f"Moved site {site.nmi} to {site.vpp_name} {describe_period(site)}."
    if has_other_address:
        return f"Changed the address of site {site.nmi}."
    return f"Site {site.nmi} is in {site.vpp_name} already."


async def create_battery(battery: CreateBattery, client: Client) -> str:
    """
    Install a battery, or change its capacity in the period of the instruction, and return a summary.

    Raises Refused if its capacity differs and the instruction has no period, and if the API rejects it.
    """
    site = await client.execute(GET_BATTERIES, nmi=battery.nmi, day=battery.effective_from)
    if site is None:
        raise Refused(f"There is no site with the NMI {battery.nmi}; create it on an earlier line.")
    name = f"battery {battery.manufacturer} {battery.serial}"
    key = {"manufacturer": in_nfc(battery.manufacturer), "serial": in_nfc(battery.serial)}
    capacity = Capacity(battery.capacity_kwh)
    on_day, at_first = (
        next((found for found in site[alias] if key.items() <= found.items()), None) for alias in ("onDay", "atFirst")
    )
    # Removed before the day, it is installed again from the day on.
    existing = on_day or (None if battery.effective_from else at_first)
    if existing is None:
        first_day = {"effectiveFrom": battery.effective_from}
        await client.execute(
            ADD_BATTERY, input={"siteId": site["id"], **key, "capacityKwh": battery.capacity_kwh, **first_day}
        )
        return f"Added {name} at {battery.nmi}{describe_first_day(battery)}."
    periods = parse_periods(existing["capacities"], parse_capacity)
    today = None if on_day is None else parse_capacity(on_day)
    if not must_change(battery, capacity, periods, today=today, subject=f"The {name} at {battery.nmi}"):
        return f"{name[0].upper()}{name[1:]} at {battery.nmi} has this capacity already."
    await client.execute(
        UPDATE_BATTERY, input={"id": existing["id"], "capacityKwh": battery.capacity_kwh, **period_input(battery)}
    )
    return f"Changed the capacity of {name} at {battery.nmi} {describe_period(battery)}."


async def find_vpp(name: str, client: Client) -> JsonObject:
    """
    Return a VPP with its terms by its name.

    Raises Refused if there is no such VPP.
    """
    vpp: JsonObject | None = await client.execute(GET_VPP, name=name)
    if vpp is None:
        raise Refused(f"There is no VPP named {name!r}; create it on an earlier line.")
    return vpp


def in_nfc(text: str) -> str:
    """Return a text in Unicode NFC, in which the API stores names and addresses."""
    return unicodedata.normalize("NFC", text)


def must_change(line: Create, value: Value, periods: Sequence[Period], *, today: Value | None, subject: str) -> bool:
    """
    Return whether an instruction has to change the value of an existing object.

    Raises Refused if the value differs and the instruction does not say from when, and if a change from its day on
    would replace a period that begins on that day or later.
    """
    if line.for_all_time:
        return any(period.value != value for period in periods)
    day = line.effective_from
    values = [period.value for period in periods[:1]] + [today] if day is None else [value_on(periods, day)]
    if value in values:
        return False
    has = f"{subject} has other values: {describe_periods(periods)}."
    if day is None:
        raise Refused(
            f'{has} End the line with "from YYYY-MM-DD" to change them from a day on, or with "for all time" to change'
            " all days, those of settled months included."
        )
    if any(period.effective_from is not None and period.effective_from >= day for period in periods):
        raise Refused(
            f"{has} A line does not replace a period that begins on {day} or later: give a later day or"
            ' "for all time", or change it in the console.'
        )
    return True


def value_on(periods: Sequence[Period], day: str) -> object | None:
    """Return the value on a day, or None if there is none. Days written YYYY-MM-DD sort as text."""
    return next(
        (
            period.value
            for period in periods
            if (period.effective_from is None or period.effective_from <= day)
            and (period.effective_until is None or day < period.effective_until)
        ),
        None,
    )


def period_input(line: Create) -> JsonObject:
    """Return the input fields that say when a change applies."""
    return {"effectiveFrom": line.effective_from, "forAllTime": line.for_all_time}


def parse_periods(items: Sequence[JsonObject], parse_value: Callable[[JsonObject], object]) -> list[Period]:
    return [Period(item["effectiveFrom"], item["effectiveUntil"], parse_value(item)) for item in items]


def parse_terms(item: JsonObject) -> Terms:
    return Terms(item["revenuePercentage"], item["dailyFeeAud"])


def parse_vpp_name(membership: JsonObject) -> str:
    name: str = membership["vpp"]["name"]
    return name


def parse_capacity(item: JsonObject) -> Capacity:
    return Capacity(item["capacityKwh"])


def describe_periods(periods: Sequence[Period]) -> str:
    """Return the last periods with their values, and the number of the others."""
    described = "; ".join(map(str, periods[-MAX_PERIODS_DESCRIBED:]))
    more = len(periods) - MAX_PERIODS_DESCRIBED
    return f"{described}; and {more} earlier" if more > 0 else described


def describe_period(line: Create) -> str:
    return f"from {line.effective_from}" if line.effective_from else "for all time"


def describe_first_day(line: Create) -> str:
    return f" from {line.effective_from}" if line.effective_from else ""
