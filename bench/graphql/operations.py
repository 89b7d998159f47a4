"""The five operations that are measured, as documents for this API and mercurius, and as documents for PostGraphile."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any, TypeAlias

from bench.graphql.dataset import ADDED_MANUFACTURER, Ids

SITES = 50
PAGE = 100

Variables: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One operation: its documents, and the variables of successive requests, an endless iterator for a mutation."""

    name: str
    description: str
    document: str
    postgraphile: str
    variables: Callable[[Ids], Iterable[Variables]]
    writes: bool = False


def _added_batteries(ids: Ids) -> Iterator[Variables]:
    for number, site_id in zip(count(), cycle(ids.sites_to_add_to), strict=False):
        # Serials of equal length, so that all responses have the same length, which the load generator checks.
        battery = {"manufacturer": ADDED_MANUFACTURER, "serial": f"{number:010}", "capacityKwh": 13.5}
        yield {"input": {"siteId": site_id, **battery}}


OPERATIONS = [
    Operation(
        name="Q1",
        description="one VPP by its id, with the terms in force",
        document="query ($id: ID!) { getVpp(id: $id) { id name revenuePercentage dailyFeeAud } }",
        postgraphile="query ($id: UUID!) { vppByRowId(rowId: $id) { id: rowId name revenuePercentage dailyFeeAud } }",
        variables=lambda ids: [{"id": id} for id in ids.vpps],
    ),
    Operation(
        name="Q2",
        description=f"{SITES} sites with their batteries and VPP",
        document="""
            query ($limit: Int) {
              listSites(limit: $limit) {
                items { id nmi address vpp { id name } batteries { id manufacturer serial capacityKwh } }
              }
            }
        """,
        postgraphile="""
            query ($limit: Int) {
              allSitesList(first: $limit, orderBy: [NMI_ASC]) {
                id: rowId
                nmi
                address
                vpp: vppByVppId { id: rowId name }
                batteries: batteriesBySiteIdList(orderBy: [MANUFACTURER_ASC, SERIAL_ASC]) {
                  id: rowId manufacturer serial capacityKwh
                }
              }
            }
        """,
        variables=lambda _ids: [{"limit": SITES}],
    ),
    Operation(
        name="Q3",
        description=f"{PAGE} line items of a report",
        document="""
            query ($id: ID!, $limit: Int) {
              getRevenueReport(id: $id) {
                id
                lineItems(limit: $limit) {
                  items {
                    nmi address capacityKwh memberDays revenueAud adValoremFeeAud eventShareAud
                    capacityShareAud beforeFeesAud dailyFeeAud waivedFeeAud afterFeesAud
                  }
                }
              }
            }
        """,
        postgraphile="""
            query ($id: UUID!, $limit: Int) {
              revenueReportByRowId(rowId: $id) {
                id: rowId
                lineItems: lineItemsByReportIdList(first: $limit, orderBy: [NMI_ASC]) {
                  nmi address capacityKwh memberDays revenueAud adValoremFeeAud eventShareAud
                  capacityShareAud beforeFeesAud dailyFeeAud waivedFeeAud afterFeesAud
                }
              }
            }
        """,
        variables=lambda ids: [{"id": ids.report, "limit": PAGE}],
    ),
    Operation(
        name="Q4",
        description=f"{PAGE} events of a site",
        document="""
            query ($id: ID!, $limit: Int) {
              getSite(id: $id) {
                id
                events(limit: $limit) {
                  items { lineNumber settlementDate eventType energyKwh tariffCentsPerKwh valueAud }
                }
              }
            }
        """,
        postgraphile="""
            query ($id: UUID!, $limit: Int) {
              siteByRowId(rowId: $id) {
                id: rowId
                events: eventsBySiteIdList(first: $limit, orderBy: [SETTLEMENT_DATE_ASC, PRIMARY_KEY_ASC]) {
                  lineNumber settlementDate eventType energyKwh tariffCentsPerKwh valueAud
                }
              }
            }
        """,
        variables=lambda ids: [{"id": id, "limit": PAGE} for id in ids.sites_with_events],
    ),
    Operation(
        name="M1",
        description="add a battery",
        document="""
            mutation ($input: AddBatteryInput!) { addBattery(input: $input) { id manufacturer serial capacityKwh } }
        """,
        postgraphile="""
            mutation ($input: AddBatteryInput!) {
              addBattery(input: $input) { result { id: rowId manufacturer serial capacityKwh } }
            }
        """,
        variables=_added_batteries,
        writes=True,
    ),
]
