"""
Documents that are hard to answer alike, with their variables; `{vpp}` and the like stand for ids of what there is.

Those with a plan are answered by it, those without are left to Strawberry.
"""

from typing import Any

from graph.operations import Operation

_PAGE = "{ items { id } nextToken }"
_LIMITED = f"query ($n: Int) {{ listVpps(limit: $n) {_PAGE} }}"
_DEFAULT = f"query ($n: Int = 1) {{ listVpps(limit: $n) {_PAGE} }}"
_NAMED = "query ($name: String!) { getVppByName(name: $name) { id } }"
_OF_ID = "query ($id: ID!) { getVpp(id: $id) { id } }"
_OF_STATUS = f"query ($status: ImportStatus) {{ listImports(filter: {{status: $status}}, limit: 1) {_PAGE} }}"
_OF_FILTER = f"query ($filter: RevenueReportFilterInput) {{ listRevenueReports(filter: $filter, limit: 1) {_PAGE} }}"
_LATEST = f"query ($latest: Boolean) {{ listRevenueReports(filter: {{latestOnly: $latest}}, limit: 1) {_PAGE} }}"
_OF_TYPES = f"query ($types: [EnergyType!]) {{ listParks(filter: {{energyTypes: $types}}, limit: 1) {_PAGE} }}"
_OF_TYPE = f"query ($type: EnergyType!) {{ listParks(filter: {{energyTypes: [$type]}}, limit: 1) {_PAGE} }}"
_PERHAPS = """query ($included: Boolean!) {
    getVpp(id: "{vpp}") { id name @include(if: $included) sites @skip(if: $included) { nextToken } }
}"""
_TWO = 'query One { getVpp(id: "{vpp}") { id } } query Two { getVpp(id: "{vpp}") { name } }'


def _ask(document: str, **variables: Any) -> Operation:
    return Operation(document, variables, None)


WITH_A_PLAN: dict[str, Operation] = {
    # What is not there.
    "nothing of an id": _ask('{ getVpp(id: "{absent}") { id priceSchedules { dailyFeeAud } sites { nextToken } } }'),
    "nothing of an NMI": _ask('{ getSiteByNmi(nmi: "N0B0DYS000") { id vpp { sites { items { vpp { id } } } } } }'),
    "no VPP on a day": _ask('{ getSite(id: "{later}") { id vpp(on: "2025-09-01") { id sites { items { id } } } } }'),
    "a line of a site that is gone": _ask('{ getRevenueReport(id: "{gone}") { lineItems { items { site { id } } } } }'),
    "a list of nothing": _ask(f'{{ listVpps(filter: {{nameContains: "nowhere"}}) {_PAGE} }}'),
    "lists of nothing in lists": _ask(
        '{ listVpps { items { sites(on: "0001-01-01", limit: 2) { items { vpp { id } } nextToken } } } }',
    ),
    # What is put together.
    "a key merged of three fragments": _ask(
        """{ getVpp(id: "{vpp}") { ...A ...B ... on Vpp { sites(limit: 1) { nextToken } } } }
        fragment A on Vpp { sites(limit: 1) { items { nmi } } id }
        fragment B on Vpp { sites(limit: 1) { items { nmi vpp { ...C } } __typename } name }
        fragment C on Vpp { id sites(limit: 1) { items { address } } }""",
    ),
    "names of other fields": _ask(
        """{ getVpp(id: "{vpp}") { name: id id: name createdAt: updatedAt sites: __typename
        priceSchedules: sites(limit: 1) { nextToken: __typename items: nextToken } } listVpps: __typename }""",
    ),
    "names of a page's fields": _ask(
        "{ listSites(limit: 1) { nextToken: items { vpp: nmi nmi: vpp { id: name } } items: nextToken } }",
    ),
    "names of Python's": _ask(
        """{ None: getVpp(id: "{vpp}") { class: name self: id __class__: createdAt values: sites { items { r1: id } } }
        run: listSites(limit: 2) { items { def: vpp { id } rows1: batteries { id } by1: events { nextToken } } } }""",
    ),
    "an order of its own": _ask(
        """{ z: getVpp(id: "{vpp}") { updatedAt ...A id name } a: getVpp(id: "{vpp}") { id ...A } }
        fragment A on Vpp { name priceSchedules { effectiveUntil dailyFeeAud effectiveFrom } id }""",
    ),
    "the same twice": _ask('{ getVpp(id: "{vpp}") { id id } getVpp(id: "{vpp}") { id name } }'),
    "one field in two ways": _ask(
        """{ getSite(id: "{site}") { batteries(on: "2025-09-16") { serial } now: batteries { serial }
        capacityKwh had: capacityKwh(on: "2025-09-16")
        one: events(limit: 1) { items { id } nextToken } two: events(limit: 2) { items { id } nextToken } } }""",
    ),
    "names of types": _ask("{ t: __typename listSites { __typename items { __typename vpp { __typename } } } }"),
    "tokens alone": _ask('{ listSites(limit: 1) { nextToken } getVpp(id: "{vpp}") { sites(limit: 1) { nextToken } } }'),
    "nothing of objects": _ask('{ getVpp(id: "{vpp}") { id @skip(if: true) } }'),
    "what is included": _ask(_PERHAPS, included=True),
    "what is skipped": _ask(_PERHAPS, included=False),
    # What is given.
    "ids in other ways": _ask('{ getVpp(id: "{capitals}") { id } b: getVpp(id: "urn:uuid:{vpp}") { id } }'),
    "nulls": _ask(
        """{ listSites(filter: null, limit: null, nextToken: null) { items { vpp(on: null) { id } } }
        listRevenueReports(filter: {vppId: null, month: null, latestOnly: null}) { items { id } } }""",
    ),
    "one for a list": _ask("{ listParks(filter: {energyTypes: WIND, timezones: []}) { items { name } } }"),
    "one for a list of a variable": _ask(_OF_TYPES, types="WIND"),
    "null for a list": _ask(_OF_TYPES, types=None),
    "no list": _ask(_OF_TYPES),
    "a variable in a list": _ask(_OF_TYPE, type="SOLAR"),
    "days with offsets": _ask(
        '{ listParkDailyStats(filter: {from: "2025-03-30Z", until: "2025-10-26+10:00"}) { items { date } } }'
    ),
    "no limit": _ask(_LIMITED),
    "a limit of null": _ask(_LIMITED, n=None),
    "a limit of 5.0": _ask(_LIMITED, n=5.0),
    "a limit beside what nobody asks for": _ask(_LIMITED, n=1, m={"a": [None, 1e400]}),
    "a limit by default": _ask(_DEFAULT),
    "null for a default": _ask(_DEFAULT, n=None),
    "a default that is not taken": _ask(_DEFAULT, n=3),
    "no filter": _ask(_OF_FILTER),
    "an empty filter": _ask(_OF_FILTER, filter={}),
    "a filter of null": _ask(_OF_FILTER, filter={"latestOnly": None}),
    "a filter that is false": _ask(_OF_FILTER, filter={"latestOnly": False}),
    "a default within that is not given": _ask(_LATEST),
    "a default within that is null": _ask(_LATEST, latest=None),
    "a default within that is false": _ask(_LATEST, latest=False),
    "a status": _ask(_OF_STATUS, status="COMPLETED"),
    "a number for an id": _ask(f'query ($id: ID) {{ listSites(filter: {{vppId: $id}}, limit: 1) {_PAGE} }}', id=None),
    "a text of everything": _ask(_NAMED, name="\ue000\U0010ffff\"\\\x01\u2028'$1 %s {0} --"),
}  # fmt: skip

WITHOUT_A_PLAN: dict[str, Operation] = {
    "a NUL in a variable that nothing declares": _ask(_LIMITED, other="\0"),
    # What is refused as it is read.
    "no GraphQL": _ask("{ getVpp("),
    "nothing": _ask(""),
    "no field of ours": _ask('{ getVpp(id: "{vpp}") { nothing } }'),
    "no operation": _ask("fragment A on Vpp { id }"),
    "too deep": _ask(f'{{ getVpp(id: "{{vpp}}") {{ {"sites(limit: 1) { items { vpp { " * 6} id {"} } } " * 6} }} }}'),
    "too costly": _ask("query ($n: Int) { listVpps(limit: $n) { items { sites(limit: $n) { nextToken } } } }", n=200),
    "a literal of 33 bits": _ask(f"{{ listVpps(limit: {2**32 + 1}) {_PAGE} }}"),
    "a literal of 5.0": _ask(f"{{ listVpps(limit: 5.0) {_PAGE} }}"),
    "a literal with a NUL": _ask('{ getVppByName(name: "\\u0000") { id } }'),
    # What is no read.
    "a subscription": _ask('subscription { onImportProgress(id: "{import}") { id } }'),
    "more of a change than its own fields": _ask(
        'mutation { updateVpp(input: {id: "{absent}", name: "changed"}) { sites { nextToken } } }',
    ),
    "a field of the schema": _ask("{ __schema { queryType { name } } }"),
    "what is computed": _ask(
        '{ simulateRevenueReport(input: {vppId: "{vpp}", month: "2025-09", dailyFeeAud: 1e400}) { month } }'
    ),
    # What a variable may not be.
    "a limit of 0": _ask(_LIMITED, n=0),
    "a limit of 201": _ask(_LIMITED, n=201),
    "a limit of many": _ask(_LIMITED, n="2"),
    "a limit that is true": _ask(_LIMITED, n=True),
    "a limit of NaN": _ask(_LIMITED, n=float("nan")),
    "a limit of 1e400": _ask(_LIMITED, n=1e400),
    "a limit of 33 bits": _ask(_LIMITED, n=2**32 + 1),
    "a limit of 100 bits": _ask(_LIMITED, n=2**100),
    "a limit of a list": _ask(_LIMITED, n=[2]),
    "a limit within": _ask(f"{{ listVpps {{ items {{ sites(limit: 0) {_PAGE} }} }} }}"),
    "no id": _ask(_OF_ID),
    "an id of null": _ask(_OF_ID, id=None),
    "an id of 5": _ask(_OF_ID, id=5),
    "an id of 1.5": _ask(_OF_ID, id=1.5),
    "an id that is none": _ask(_OF_ID, id="none"),
    "a name of 5": _ask(_NAMED, name=5),
    "a name with a NUL": _ask(_NAMED, name="a\0"),
    "half of a surrogate pair": _ask(_NAMED, name="\ud83d"),
    "a NUL that nobody asks for": _ask(_LIMITED, n=1, m=["\0"]),
    "no status of ours": _ask(_OF_STATUS, status="completed"),
    "a status of 1": _ask(_OF_STATUS, status=1),
    "no type of ours": _ask(_OF_TYPES, types=["WIND", "NONE"]),
    "a null in a list": _ask(_OF_TYPES, types=["WIND", None]),
    "a filter of more": _ask(_OF_FILTER, filter={"more": 1}),
    "a month that is none": _ask(_OF_FILTER, filter={"month": "2025-13"}),
    "no day": _ask('query ($on: AWSDate) { getSite(id: "{site}") { vpp(on: $on) { id } } }', on="2025-02-30"),
    "a token that is none": _ask('{ listVpps(nextToken: "none") { nextToken } }'),
    "a null for what is included": _ask(_PERHAPS, included=None),
    "an error in one of two": _ask('{ getVpp(id: "{vpp}") { id } wrong: getVpp(id: "none") { id } }'),
    "an error in two of two": _ask('{ getVpp(id: "none") { id } listVpps(limit: 0) { nextToken } }'),
    "one of many operations": _ask(_TWO),
}  # fmt: skip

# Changes that are refused, or were made before: nothing is changed by them. Each is to have a plan.
_AGAIN = '{id: "{vpp}", name: "again", revenuePercentage: 20}'
CHANGES: dict[str, Operation] = {
    "nothing": _ask("mutation { __typename }"),
    "a change that was made": _ask(
        'mutation { t: __typename again: startImport(input: {id: "{import}"}) { status id rowsRead startedAt } }',
    ),
    "a change of nothing there": _ask(
        'mutation { b: updateVpp(input: {id: "{absent}"}) { id } a: deleteSite(input: {id: "{absent}"}) { id } }',
    ),
    "a change in conflict": _ask(f"mutation {{ createVpp(input: {_AGAIN}) {{ id name dailyFeeAud }} }}"),
    "a wrong id": _ask('mutation { updateSite(input: {id: "none"}) { id } }'),
    "a wrong value within": _ask(
        "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id } }",
        input={"vppId": "none", "nmi": "🔋", "address": ""},
    ),
    "one of two": _ask(
        """mutation ($no: Boolean!) { updateVpp(input: {id: "none"}) { id }
        a: updateVpp(input: {id: "{absent}"}) @skip(if: $no) { id } }""",
        no=True,
    ),
}
