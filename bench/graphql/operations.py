"""The five operations that are measured, as ours and mercurius are asked for them, and as PostGraphile is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any, TypeAlias

from bench.graphql.dataset import ADDED_BY, Ids

SITES = 50
PAGE = 100

Variables: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One operation: what of, its documents, and with which variables it is sent in turn; what writes never ends."""

    name: str
    says: str
    document: str
    postgraphile: str
    variables: Callable[[Ids], Iterable[Variables]]
    writes: bool = False


def _added_batteries(ids: Ids) -> Iterator[Variables]:
    for number, site_id in zip(count(), cycle(ids.sites_to_add_to), strict=False):
        # As long as any other, so that answers are.
        battery = {"manufacturer": ADDED_BY, "serial": f"{number:010}", "capacityKwh": 13.5}
        yield {"input": {"siteId": site_id, **battery}}


OPERATIONS = [
    Operation(
        name="Q1",
        says="one VPP by its id, with the terms in force",
        document="query ($id: ID!) { getVpp(id: $id) { id name revenuePercentage dailyFeeAud } }",
        postgraphile="query ($id: UUID!) { vppByRowId(rowId: $id) { id: rowId name revenuePercentage dailyFeeAud } }",
        variables=lambda ids: [{"id": id} for id in ids.vpps],
    ),
    Operation(
        name="Q2",
        says=f"{SITES} sites with their batteries and VPP",
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
        says=f"{PAGE} line items of a report",
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
        says=f"{PAGE} of a site's events",
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
        says="a battery added",
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
