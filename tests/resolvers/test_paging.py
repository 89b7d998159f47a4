import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import col

import db.vpps
from db.api_keys import ApiKey
from db.engine.database import Database
from db.reports import RevenueReport
from db.vpps import Terms
from graph.resolvers.paging import Order, WrongToken, page_request
from tests.fixtures.api import Api, new_nmi
from tests.fixtures.readings import readings, store_readings

NUMBERS = range(7)
LATEST = NUMBERS[::-1]
NMIS = [f"PAGED0000{number}" for number in NUMBERS]
MONTHS = [f"2025-0{number + 1}" for number in NUMBERS]
DAYS = [f"2025-09-0{number + 1}" for number in NUMBERS]
FILE = "NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n" + "".join(
    f"{NMIS[0]},{month}-01,DISCHARGE,1,10\n{NMIS[0]},{month}-32,DISCHARGE,1,10\n" for month in MONTHS
)
CANCELLED = [
    f'{{"kind": "BATTERY_EVENTS", "status": "CANCELLED", "fileName": "{n}.csv", "rowsRead": 0,'
    ' "duplicates": "ASK", "chargeTariff": "COST", "rowsImported": 0, "rowsRejected": 0, "rowsDuplicated": 0}'
    for n in LATEST
]

# Every list of the API with seven items; the values that identify the items, in the order of the list.
LISTS: dict[str, list[Any]] = {
    'listVpps(filter: {nameContains: "paged"}, PAGE) { items { name } nextToken }': [f"Paged {n}" for n in NUMBERS],
    'listSites(filter: {addressContains: "Paged"}, PAGE) { items { nmi } nextToken }': NMIS,
    "listSites(filter: {vppId: $vpp}, PAGE) { items { nmi } nextToken }": NMIS,
    "listImports(filter: {status: CANCELLED}, PAGE) { items { fileName } nextToken }": [f"{n}.csv" for n in LATEST],
    "listRevenueReports(filter: {vppId: $vpp}, PAGE) { items { month } nextToken }": MONTHS[::-1],
    "listApiKeys(PAGE) { items { name } nextToken }": [f"Paged {n}" for n in LATEST],
    'listAuditEntries(filter: {action: "cancelImport"}, PAGE) { items { new } nextToken }': CANCELLED,
    'listParks(filter: {timezones: ["Asia/Tokyo"]}, PAGE) { items { name } nextToken }': [
        f"Paged {n}" for n in NUMBERS
    ],
    'listEnergyReadings(filter: {parkNames: ["Paged 0"]}, PAGE) { items { powerMw } nextToken }': list(NUMBERS),
    'listParkDailyStats(filter: {parkNames: ["Paged 0"]}, PAGE) { items { date } nextToken }': DAYS,
    'listEnergyTypeDailyStats(filter: {parkNames: ["Paged 0"]}, PAGE) { items { date } nextToken }': DAYS,
    'listEnergyTypeDailyStats(filter: {timezones: ["Asia/Tokyo"]}, PAGE) { items { date } nextToken }': DAYS,
    "getPark(id: $park) { readings(PAGE) { items { powerMw } nextToken } }": list(NUMBERS),
    "getVpp(id: $vpp) { sites(PAGE) { items { nmi } nextToken } }": NMIS,
    "getVpp(id: $vpp) { revenueReports(PAGE) { items { month } nextToken } }": MONTHS[::-1],
    "getSite(id: $site) { events(PAGE) { items { settlementDate } nextToken } }": [f"{month}-01" for month in MONTHS],
    "getImport(id: $import) { rejections(PAGE) { items { lineNumber } nextToken } }": [3, 5, 7, 9, 11, 13, 15],
    "getRevenueReport(id: $report) { lineItems(PAGE) { items { nmi } nextToken } }": NMIS,
}  # fmt: skip
CREATE_KEY = "mutation ($name: String!) { createApiKey(input: {name: $name, role: READER}) { secret } }"
CANCEL_IMPORT = "mutation ($id: ID!) { cancelImport(input: {id: $id}) { id } }"


@pytest.fixture(scope="module")
async def ids(api: Api, database: Database, worker: None) -> dict[str, str]:
    """Create seven items in each list, one after the other, and return the ids of the objects that own the lists."""
    vpp_id = await api.create_vpp(name="Owner")
    sites = {nmi: await api.create_site(vpp_id, nmi=nmi, address=f"{nmi[-1]} Paged St") for nmi in reversed(NMIS)}
    imported = await api.import_file(FILE)
    for month in MONTHS:
        report = await api.settle_month(vpp_id, month)
    for number in NUMBERS:
        await api.create_vpp(name=f"Paged {number}")
        await api.execute(CREATE_KEY, name=f"Paged {number}")
        await api.execute(CANCEL_IMPORT, id=await create_import(api, f"{number}.csv"))
    parks = [await api.create_park(name=f"Paged {number}", timezone="Asia/Tokyo") for number in reversed(NUMBERS)]
    for number, day in enumerate(DAYS):
        await store_readings(database, parks[-1], readings("Asia/Tokyo", day, [number]))
    owners = {"vpp": vpp_id, "site": sites[NMIS[0]], "park": parks[-1]}
    return owners | {"import": imported["id"], "report": report["id"]}


async def create_import(api: Api, file_name: str) -> Any:
    document = """mutation ($name: String!) { createImport(input: {kind: BATTERY_EVENTS, fileName: $name}) {
        import { id }
    } }"""
    return (await api.execute(document, name=file_name))["import"]["id"]


def page_query(field: str, ids: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Return the query for a page of a list, and the ids that it takes as variables."""
    owner_ids = {name: id for name, id in ids.items() if f"${name}" in field}
    variables = "".join(f", ${name}: ID!" for name in owner_ids)
    page = field.replace("PAGE", "limit: $limit, nextToken: $next")
    return f"query ($limit: Int, $next: String{variables}) {{ {page} }}", owner_ids


async def read_pages(api: Api, field: str, ids: dict[str, str], *, limit: int) -> AsyncIterator[list[Any]]:
    """Read a list page by page, and yield the values that identify the items of each page."""
    (document, owner_ids), next_token = page_query(field, ids), None
    while True:
        read = await api.execute(document, limit=limit, next=next_token, **owner_ids)
        page = read if "items" in read else next(iter(read.values()))
        yield [value for item in page["items"] for value in item.values()]
        next_token = page["nextToken"]
        if next_token is None:
            return


async def first_token(api: Api, field: str, ids: dict[str, str]) -> str:
    """Return the nextToken after the first item of a list."""
    document, owner_ids = page_query(field, ids)
    read = await api.execute(document, limit=1, **owner_ids)
    return str((read if "items" in read else next(iter(read.values())))["nextToken"])


@pytest.mark.parametrize("field", LISTS)
@pytest.mark.parametrize(("limit", "sizes"), [(3, [3, 3, 1]), (6, [6, 1]), (7, [7]), (200, [7])])
async def test_pages_together_hold_every_item_once_and_in_order(
    api: Api, ids: dict[str, str], field: str, limit: int, sizes: list[int]
) -> None:
    read = [page async for page in read_pages(api, field, ids, limit=limit)]

    assert [len(page) for page in read] == sizes
    assert [item for page in read for item in page] == LISTS[field]


async def test_page_has_50_items_by_default(api: Api, database: Database) -> None:
    names = [f"Fifty {number:02}" for number in range(51)]
    async with database.transaction() as session:
        for name in names:
            await db.vpps.create(session, id=None, name=name, terms=Terms(Decimal(20), Decimal(0)))
    document = """query ($next: String) { listVpps(filter: {nameContains: "fifty"}, nextToken: $next) {
        items { name } nextToken
    } }"""

    first = await api.execute(document)
    last = await api.execute(document, next=first["nextToken"])

    assert [vpp["name"] for vpp in first["items"]] == names[:50]
    assert last == {"items": [{"name": names[50]}], "nextToken": None}


async def test_items_created_or_deleted_between_pages_make_no_other_item_repeat_or_disappear(api: Api) -> None:
    ids = {name: await api.create_vpp(name=f"Moving {name}") for name in "bdfhj"}
    read = read_pages(api, 'listVpps(filter: {nameContains: "Moving"}, PAGE) { items { name } nextToken }', {}, limit=2)
    names = await anext(read)

    for deleted in "bdf":
        await api.execute("mutation ($id: ID!) { deleteVpp(input: {id: $id}) { id } }", id=ids[deleted])
    for created in "aci":
        await api.create_vpp(name=f"Moving {created}")

    names += [name async for page in read for name in page]
    assert names == [f"Moving {name}" for name in "bdhij"]


async def test_item_newer_than_the_first_page_is_not_on_later_pages(api: Api) -> None:
    for number in range(4):
        await create_import(api, f"new {number}.csv")
    field = "listImports(filter: {status: AWAITING_UPLOAD}, PAGE) { items { fileName } nextToken }"
    read = read_pages(api, field, {}, limit=3)
    names = await anext(read)

    await create_import(api, "new 4.csv")

    names += [name async for page in read for name in page]
    assert names == ["new 3.csv", "new 2.csv", "new 1.csv", "new 0.csv"]


async def test_nested_list_has_separate_pages_for_each_owner(api: Api) -> None:
    nmis = {await api.create_vpp(name=f"Many {size}"): [new_nmi() for _ in range(size)] for size in range(4)}
    for vpp_id, site_nmis in nmis.items():
        for nmi in site_nmis:
            await api.create_site(vpp_id, nmi=nmi)

    listed = await api.execute("""{ listVpps(filter: {nameContains: "Many"}) { items {
        id sites(limit: 2) { items { nmi } nextToken } all: sites { items { nmi } nextToken }
    } } }""")

    assert [vpp["id"] for vpp in listed["items"]] == list(nmis)
    assert [vpp["all"] for vpp in listed["items"]] == [
        {"items": [{"nmi": nmi} for nmi in site_nmis], "nextToken": None} for site_nmis in nmis.values()
    ]
    assert [len(vpp["sites"]["items"]) for vpp in listed["items"]] == [0, 1, 2, 2]
    *others, (largest, token) = [(vpp["id"], vpp["sites"]["nextToken"]) for vpp in listed["items"]]
    assert [token for _, token in others] == [None, None, None]
    document = "query ($id: ID!, $next: String) { getVpp(id: $id) { sites(nextToken: $next) { items { nmi } } } }"
    assert await api.execute(document, id=largest, next=token) == {"sites": {"items": [{"nmi": nmis[largest][2]}]}}


@pytest.mark.parametrize("field", LISTS)
async def test_limit_below_1_or_above_200_is_refused(api: Api, ids: dict[str, str], field: str) -> None:
    document, owner_ids = page_query(field, ids)

    refusals = [await api.refusal(document, limit=limit, **owner_ids) for limit in (0, -1, 201)]

    assert refusals == [
        ("ValidationFailed", ["limit"], f"A limit is from 1 to 200, not {limit}.") for limit in (0, -1, 201)
    ]


WRONG_TOKEN = (
    "ValidationFailed",
    ["nextToken"],
    "This nextToken does not belong to this list with this filter; start again without a nextToken.",
)


async def test_token_of_another_list_is_refused(api: Api, ids: dict[str, str]) -> None:
    tokens = {field: await first_token(api, field, ids) for field in LISTS}

    for field in LISTS:
        document, owner_ids = page_query(field, ids)
        own = await api.response(document, next=tokens[field], **owner_ids)
        assert "errors" not in own
        for other in LISTS.keys() - {field}:
            assert await api.refusal(document, next=tokens[other], **owner_ids) == WRONG_TOKEN


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('listVpps(filter: {nameContains: "paged"}', 'listVpps(filter: {nameContains: "page"}'),
        ('listVpps(filter: {nameContains: "paged"}, PAGE', "listVpps(PAGE"),
        ('addressContains: "Paged"', 'addressContains: "Paged", on: "2025-07-01"'),
        ("status: CANCELLED", "status: COMPLETED"),
        ('action: "cancelImport"', 'action: "cancelImport", until: "9000-01-01T00:00Z"'),
        ("listRevenueReports(filter: {vppId: $vpp", "listRevenueReports(filter: {vppId: $vpp, latestOnly: false"),
        ("sites(PAGE)", 'sites(on: "2025-07-01", PAGE)'),
        ("events(PAGE)", 'events(from: "2025-07-01", PAGE)'),
        ('listEnergyReadings(filter: {parkNames: ["Paged 0"]', 'listEnergyReadings(filter: {parkNames: ["Paged 1"]'),
        ('listParkDailyStats(filter: {parkNames: ["Paged 0"]', "listParkDailyStats(filter: {energyTypes: [WIND]"),
        ("getVpp(id: $vpp) { sites", "getVpp(id: $other) { sites"),
    ],
)
async def test_token_is_refused_with_another_filter_or_owner(api: Api, ids: dict[str, str], old: str, new: str) -> None:
    (field,) = [field for field in LISTS if old in field]
    token = await first_token(api, field, ids)
    document, owner_ids = page_query(field.replace(old, new), ids | {"other": await api.create_vpp()})

    assert await api.refusal(document, next=token, **owner_ids) == WRONG_TOKEN


ORDER = Order((col(ApiKey.name), col(ApiKey.created_at), col(ApiKey.id)))
KEY = ("Zoë 🔋", datetime(2025, 9, 1, 12, tzinfo=UTC), UUID("6f9619ff-8b86-4d01-b42d-00c04fc964ff"))
ROW: Any = SimpleNamespace(name=KEY[0], created_at=KEY[1], id=KEY[2])
TOKEN = page_request(1, None, order=ORDER, list_identity=("list",)).page([ROW, ROW]).next_token or ""


def test_token_decodes_to_the_key_of_the_last_row_of_its_page() -> None:
    assert page_request(1, TOKEN, order=ORDER, list_identity=("list",)).cursor == KEY


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_changed_token_is_refused_or_decodes_to_the_same_key(index: int, character: str) -> None:
    changed = TOKEN[:index] + character + TOKEN[index + 1 :]

    # Several letters in the last place of a base64 text decode to the same bytes.
    with suppress(WrongToken):
        assert page_request(1, changed, order=ORDER, list_identity=("list",)).cursor == KEY


@given(st.text() | st.binary().map(lambda random_bytes: base64.urlsafe_b64encode(random_bytes).decode()))
def test_random_token_is_refused(token: str) -> None:
    with pytest.raises(WrongToken):
        page_request(1, token, order=ORDER, list_identity=("list",))


TEXT, INSTANT, ID = '"Zoë 🔋"', '"2025-09-01 12:00:00+00:00"', '"6f9619ff-8b86-4d01-b42d-00c04fc964ff"'


def forged(key: str, *, of: str = "list") -> str:
    """Return a token with a correct checksum, which anyone can compute."""
    checksum = hashlib.sha256(f"{of} {key}".encode()).hexdigest()[:16]
    return base64.urlsafe_b64encode(f"{checksum}{key}".encode()).decode()


def test_checksum_of_a_token_can_be_computed_by_anyone() -> None:
    token = forged(f"[{TEXT}, {INSTANT}, {ID}]")

    assert page_request(1, token, order=ORDER, list_identity=("list",)).cursor == KEY


@pytest.mark.parametrize(
    "key",
    [
        *("", "5", "null", "true", '"abc"', "{}", "[]", f"[{TEXT}, {INSTANT}]", f"[{TEXT}, {INSTANT}, {ID}, 1]"),
        *("[" * 100_000, f"{'[' * 100_000}{']' * 100_000}", f'{{"a": {"[" * 5_000}{"]" * 5_000}}}', "1" * 5_000),
        *(
            f"[{text}, {INSTANT}, {ID}]"
            for text in ("5", "null", "true", "1.5", "[]", '{"a": 1}', '"\\u0000"', '"\\ud800"', "1" + "0" * 4_000)
        ),
        *(
            f"[{TEXT}, {instant}, {ID}]"
            for instant in (
                *("5", "null", "[]", '""', '"today"', '"2025-09-01T12:00:00"', '"2025-13-01T12:00:00Z"', "1e400"),
                *('"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-12:00"', '"2025-09-01T12:00:00+25:00"'),
            )
        ),
        *(
            f"[{TEXT}, {INSTANT}, {id}]"
            for id in ("5", "null", "NaN", "[]", '{"int": 1}', '"none"', '"\\ud800"', f"[{ID}]")
        ),
    ],
    ids=lambda key: key[:60],
)
def test_forged_token_with_values_of_wrong_types_is_refused(key: str) -> None:
    with pytest.raises(WrongToken):
        page_request(1, forged(key), order=ORDER, list_identity=("list",))


@pytest.mark.parametrize(
    "key",
    [
        *('["2025-02-30", 1]', "[20250901, 1]", "[null, 1]", '["2025-09-01T00:00:00", 1]', '["", 1]'),
        *(f'["2025-09-01", {revision}]' for revision in ('"1"', "1.0", "true", "null", "[1]", "NaN", "Infinity")),
        *(f'["2025-09-01", {revision}]' for revision in (2**31, -(2**31) - 1, 2**63, 10**400, 10**4_299)),
    ],
    ids=lambda key: key[:60],
)
def test_forged_token_with_a_wrong_day_or_number_is_refused(key: str) -> None:
    order = Order((col(RevenueReport.month), col(RevenueReport.revision)))

    with pytest.raises(WrongToken):
        page_request(1, forged(key), order=order, list_identity=("list",))


@pytest.mark.parametrize("revision", [0, 2**31 - 1, -(2**31)])
def test_forged_token_with_a_number_that_its_column_can_hold_is_accepted(revision: int) -> None:
    order = Order((col(RevenueReport.month), col(RevenueReport.revision)))

    request = page_request(1, forged(f'["2025-09-01", {revision}]'), order=order, list_identity=("list",))

    assert request.cursor == (date(2025, 9, 1), revision)


@pytest.mark.parametrize(
    ("name", "key"),
    [("listVpps", "[5]"), ("listVpps", '["\\u0000"]'), ("listVpps", "[" * 9_000), ("listImports", "[5, null]")],
)
async def test_forged_token_is_refused_like_one_of_another_list(api: Api, name: str, key: str) -> None:
    document = f"query ($token: String) {{ {name}(nextToken: $token) {{ nextToken }} }}"

    assert await api.refusal(document, token=forged(key, of=f"{name} None")) == WRONG_TOKEN


async def test_forged_token_of_a_nested_list_is_refused(api: Api, ids: dict[str, str]) -> None:
    document = """query ($id: ID!, $token: String) { getSite(id: $id) { events(nextToken: $token) { nextToken } } }"""
    key = f'["2025-09-01", {ID}, {2**40}]'

    token = forged(key, of=f"Site.events {ids['site']} None None")

    assert await api.refusal(document, id=ids["site"], token=token) == WRONG_TOKEN
