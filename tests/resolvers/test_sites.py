from typing import Any
from uuid import uuid4

import pytest

from tests.fixtures.api import Api, new_nmi

SITE = "{ id nmi address memberships { vpp { id } effectiveFrom effectiveUntil } }"
CREATE = f"mutation ($input: CreateSiteInput!) {{ createSite(input: $input) {SITE} }}"
UPDATE = f"mutation ($input: UpdateSiteInput!) {{ updateSite(input: $input) {SITE} }}"
ASSIGN = f"mutation ($input: AssignSiteInput!) {{ assignSite(input: $input) {SITE} }}"
UNASSIGN = f"mutation ($input: UnassignSiteInput!) {{ unassignSite(input: $input) {SITE} }}"
DELETE = "mutation ($id: ID!) { deleteSite(input: {id: $id}) { id nmi address } }"
GET = f"query ($id: ID!) {{ getSite(id: $id) {SITE} }}"
GET_BY_NMI = f"query ($nmi: String!) {{ getSiteByNmi(nmi: $nmi) {SITE} }}"
LIST = "query ($filter: SiteFilterInput) { listSites(filter: $filter, limit: 200) { items { id } } }"
VPP_SITES = "query ($id: ID!, $on: AWSDate) { getVpp(id: $id) { sites(on: $on) { items { id } } } }"
VPP_ON = "query ($id: ID!, $on: AWSDate) { getSite(id: $id) { vpp(on: $on) { id } } }"
STREET = "426 King St Newcastle West NSW 2302"


def membership(vpp_id: str, since: str | None = None, until: str | None = None) -> dict[str, Any]:
    return {"vpp": {"id": vpp_id}, "effectiveFrom": since, "effectiveUntil": until}


async def assign_in_turn(api: Api, site_id: str, *moves: tuple[str, str | None]) -> Any:
    """Assign a site to one VPP after another, each from a day or for all time, and return its memberships."""
    for vpp_id, since in moves:
        when = {"forAllTime": True} if since is None else {"effectiveFrom": since}
        moved = await api.execute(ASSIGN, input={"siteId": site_id, "vppId": vpp_id, **when})
    return moved["memberships"]


@pytest.mark.parametrize(("written", "nmi"), [("NAAAMYS582", "NAAAMYS582"), ("20019857328", "2001985732")])
async def test_created_site_is_found_by_its_nmi_with_or_without_the_check_digit(
    api: Api, written: str, nmi: str
) -> None:
    vpp_id = await api.create_vpp()

    created = await api.execute(CREATE, input={"vppId": vpp_id, "nmi": written, "address": f" {STREET}, Australia "})

    assert created == {
        "id": created["id"],
        "nmi": nmi,
        "address": f"{STREET}, Australia",
        "memberships": [membership(vpp_id)],
    }
    assert await api.execute(GET, id=created["id"]) == created
    assert await api.execute(GET_BY_NMI, nmi=nmi) == created
    assert await api.execute(GET_BY_NMI, nmi=written) == created


async def test_unknown_site_is_null(api: Api) -> None:
    assert await api.execute(GET, id=str(uuid4())) is None
    assert await api.execute(GET_BY_NMI, nmi=new_nmi()) is None


async def test_site_created_with_a_day_belongs_to_its_vpp_from_that_day(api: Api) -> None:
    vpp_id, nmi = await api.create_vpp(), new_nmi()

    created = await api.execute(
        CREATE, input={"vppId": vpp_id, "nmi": nmi, "address": STREET, "effectiveFrom": "2025-07-01"}
    )

    assert created["memberships"] == [membership(vpp_id, "2025-07-01")]
    assert await api.execute(VPP_ON, id=created["id"], on="2025-06-30") == {"vpp": None}
    assert await api.execute(VPP_ON, id=created["id"], on="2025-07-01") == {"vpp": {"id": vpp_id}}


async def test_the_same_create_sent_again_returns_the_same_site(api: Api) -> None:
    create = {"id": str(uuid4()), "vppId": await api.create_vpp(), "nmi": new_nmi(), "address": STREET}
    created = await api.execute(CREATE, input=create)

    assert await api.execute(CREATE, input=create) == created


async def test_another_create_with_the_same_id_is_refused(api: Api) -> None:
    first = {"id": str(uuid4()), "vppId": await api.create_vpp(), "nmi": new_nmi(), "address": STREET}
    await api.execute(CREATE, input=first)
    others: list[dict[str, Any]] = [
        {"vppId": await api.create_vpp()},
        {"nmi": new_nmi()},
        {"address": "1 King St"},
        {"effectiveFrom": "2025-07-01"},
    ]
    before = await api.fleet_snapshot()

    refusals = [await api.refusal(CREATE, input=first | other) for other in others]

    message = f"The id {first['id']} already belongs to another site."
    assert refusals == [("Conflict", ["input", "id"], message)] * 4
    assert await api.fleet_snapshot() == before


async def test_update_keeps_fields_that_are_not_given(api: Api) -> None:
    vpp_id, nmi = await api.create_vpp(), new_nmi()
    site_id = await api.create_site(vpp_id)

    await api.execute(UPDATE, input={"id": site_id, "nmi": nmi})
    updated = await api.execute(UPDATE, input={"id": site_id, "address": f" {STREET} ", "nmi": None})

    assert updated == {"id": site_id, "nmi": nmi, "address": STREET, "memberships": [membership(vpp_id)]}


async def test_site_moved_for_all_time_has_always_belonged_to_its_new_vpp(api: Api) -> None:
    first, second, third = await api.create_vpp(), await api.create_vpp(), await api.create_vpp()
    site_id = await api.create_site(first, effectiveFrom="2025-07-01")

    assert await assign_in_turn(api, site_id, (second, "2025-08-01"), (third, None)) == [membership(third)]


async def test_site_moved_on_a_day_belongs_to_its_old_vpp_before_that_day(api: Api) -> None:
    first, second = await api.create_vpp(), await api.create_vpp()
    site_id = await api.create_site(first)

    assert await assign_in_turn(api, site_id, (second, "2025-07-01"), (first, "2025-09-01")) == [
        membership(first, until="2025-07-01"),
        membership(second, "2025-07-01", "2025-09-01"),
        membership(first, "2025-09-01"),
    ]
    belonged = [await api.execute(VPP_ON, id=site_id, on=day) for day in ("2025-06-30", "2025-07-01", "2025-09-01")]
    assert belonged == [{"vpp": {"id": first}}, {"vpp": {"id": second}}, {"vpp": {"id": first}}]
    assert await api.execute(VPP_ON, id=site_id, on=None) == {"vpp": {"id": first}}


async def test_site_moved_away_and_back_on_one_day_has_one_membership(api: Api) -> None:
    first, second = await api.create_vpp(), await api.create_vpp()
    site_id = await api.create_site(first)

    assert await assign_in_turn(api, site_id, (second, "2025-07-01"), (first, "2025-07-01")) == [membership(first)]


async def test_site_moved_before_its_first_membership_has_only_the_new_one(api: Api) -> None:
    first, second = await api.create_vpp(), await api.create_vpp()
    site_id = await api.create_site(first, effectiveFrom="2025-07-01")

    assert await assign_in_turn(api, site_id, (second, "2025-06-15")) == [membership(second, "2025-06-15")]


async def test_site_that_leaves_belongs_to_no_vpp_from_that_day_on(api: Api) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id)

    left = await api.execute(UNASSIGN, input={"siteId": site_id, "effectiveFrom": "2025-09-20"})

    assert left["memberships"] == [membership(vpp_id, until="2025-09-20")]
    belonged = [await api.execute(VPP_ON, id=site_id, on=day) for day in ("2025-09-19", "2025-09-20", None)]
    assert belonged == [{"vpp": {"id": vpp_id}}, {"vpp": None}, {"vpp": None}]
    assert (await api.execute(VPP_SITES, id=vpp_id, on=None))["sites"]["items"] == []


async def test_site_that_left_can_join_a_vpp_again(api: Api) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    await api.execute(UNASSIGN, input={"siteId": site_id, "effectiveFrom": "2025-09-20"})

    assert await assign_in_turn(api, site_id, (vpp_id, "2025-10-01")) == [
        membership(vpp_id, until="2025-09-20"),
        membership(vpp_id, "2025-10-01"),
    ]


async def test_memberships_that_begin_after_a_site_has_left_are_removed(api: Api) -> None:
    first, second = await api.create_vpp(), await api.create_vpp()
    site_id = await api.create_site(first, effectiveFrom="2025-07-01")
    await assign_in_turn(api, site_id, (second, "2025-08-01"))

    left_first = await api.execute(UNASSIGN, input={"siteId": site_id, "effectiveFrom": "2025-07-15"})
    never_joined = await api.execute(UNASSIGN, input={"siteId": site_id, "effectiveFrom": "2025-07-01"})

    assert left_first["memberships"] == [membership(first, "2025-07-01", "2025-07-15")]
    assert never_joined["memberships"] == []


async def test_leaving_again_is_refused_for_another_day_and_changes_nothing_for_the_same(api: Api) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    left = await api.execute(UNASSIGN, input={"siteId": site_id, "effectiveFrom": "2025-09-20"})

    assert await api.execute(UNASSIGN, input={"siteId": site_id, "effectiveFrom": "2025-09-20"}) == left
    before = await api.fleet_snapshot()
    refusal = await api.refusal(UNASSIGN, input={"siteId": site_id, "effectiveFrom": "2025-09-25"})

    message = "This site belongs to no VPP on 2025-09-25 or later; there is no membership to end."
    assert refusal == ("Conflict", ["input", "effectiveFrom"], message)
    assert await api.fleet_snapshot() == before


async def test_sites_are_listed_by_the_vpp_they_belong_to_on_a_day(api: Api) -> None:
    first, second = await api.create_vpp(), await api.create_vpp()
    stays, moves = await api.create_site(first, nmi=new_nmi()), await api.create_site(first, nmi=new_nmi())
    await assign_in_turn(api, moves, (second, "2025-07-01"))

    async def listed(vpp_id: str, on: str | None) -> list[str]:
        by_filter = await api.execute(LIST, filter={"vppId": vpp_id, "on": on})
        assert (await api.execute(VPP_SITES, id=vpp_id, on=on))["sites"] == by_filter
        return [site["id"] for site in by_filter["items"]]

    assert await listed(first, "2025-06-30") == [stays, moves]
    assert await listed(first, "2025-07-01") == await listed(first, None) == [stays]
    assert await listed(second, "2025-06-30") == []
    assert await listed(second, None) == [moves]


async def test_address_filter_matches_a_substring_without_wildcards(api: Api) -> None:
    vpp_id = await api.create_vpp()
    addresses = ["5% Creek Rd ☀", "5 Creek Rd", "6_Creek Rd"]
    ids = [await api.create_site(vpp_id, address=address) for address in addresses]

    async def found(text: str) -> list[int]:
        items = (await api.execute(LIST, filter={"vppId": vpp_id, "addressContains": text}))["items"]
        return [ids.index(site["id"]) for site in items]

    assert [await found(text) for text in ("creek", "5%", "_", "☀", "5_creek")] == [[0, 1, 2], [0], [2], [0], []]


async def test_deleted_site_is_returned_and_its_batteries_are_deleted(api: Api) -> None:
    vpp_id, nmi = await api.create_vpp(), new_nmi()
    site_id = await api.create_site(vpp_id, nmi=nmi)
    battery_id = await api.add_battery(site_id, capacity_kwh=13.5)

    deleted = await api.execute(DELETE, id=site_id)

    assert deleted == {"id": site_id, "nmi": nmi, "address": "1 King St"}
    assert await api.execute(GET, id=site_id) is None
    assert await api.execute("query ($id: ID!) { getBattery(id: $id) { id } }", id=battery_id) is None
    assert await api.execute(VPP_SITES, id=vpp_id, on=None) == {"sites": {"items": []}}


async def test_site_with_events_cannot_be_deleted(api: Api, worker: None) -> None:
    nmi = new_nmi()
    site_id = await api.create_site(await api.create_vpp(), nmi=nmi)
    await api.import_file(f"NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n{nmi},2025-09-02,DISCHARGE,5,35\n")
    before = await api.fleet_snapshot()

    refusal = await api.refusal(DELETE, id=site_id)

    message = "This site has events; a site that has none can be deleted."
    assert refusal == ("Conflict", ["input", "id"], message)
    assert await api.fleet_snapshot() == before


NMI = ["input", "nmi"]
INVALID_ADDRESS = ("ValidationFailed", ["input", "address"], "An address has 1 to 500 characters.")
CHARACTERS = "an NMI has only digits and capital letters, never O or I."
LENGTHS = "An NMI has 10 characters, or 11 with its check digit; this text has"


@pytest.mark.parametrize(
    ("input", "expected"),
    [
        ({"nmi": ""}, ("ValidationFailed", NMI, f"{LENGTHS} 0.")),
        ({"nmi": "200198573"}, ("ValidationFailed", NMI, f"{LENGTHS} 9.")),
        ({"nmi": "200198573280"}, ("ValidationFailed", NMI, f"{LENGTHS} 12.")),
        ({"nmi": "NOAAMYS582"}, ("ValidationFailed", NMI, f"Character 2 is 'O'; {CHARACTERS}")),
        ({"nmi": "NAAAMYS58I"}, ("ValidationFailed", NMI, f"Character 10 is 'I'; {CHARACTERS}")),
        ({"nmi": "naaamys582"}, ("ValidationFailed", NMI, f"Character 1 is 'n'; {CHARACTERS}")),
        ({"nmi": " 200198573"}, ("ValidationFailed", NMI, f"Character 1 is ' '; {CHARACTERS}")),
        ({"nmi": "20019857327"}, ("ValidationFailed", NMI, "The check digit of 2001985732 is 8, not 7.")),
        ({"address": ""}, INVALID_ADDRESS),
        ({"address": "  \u00a0 "}, INVALID_ADDRESS),
        ({"address": "x" * 501}, INVALID_ADDRESS),
    ],
)
async def test_invalid_site_is_refused_with_the_field_and_the_expected_values(
    api: Api, input: dict[str, Any], expected: tuple[str, Any, str]
) -> None:
    vpp_id = await api.create_vpp()
    site_id = await api.create_site(vpp_id)
    before = await api.fleet_snapshot()

    create_refusal = await api.refusal(CREATE, input={"vppId": vpp_id, "nmi": new_nmi(), "address": STREET} | input)
    update_refusal = await api.refusal(UPDATE, input={"id": site_id, "nmi": new_nmi(), "address": STREET} | input)

    assert (create_refusal, update_refusal) == (expected, expected)
    assert await api.fleet_snapshot() == before


async def test_look_up_by_an_invalid_nmi_is_refused(api: Api) -> None:
    assert await api.refusal(GET_BY_NMI, nmi="1") == ("ValidationFailed", ["nmi"], f"{LENGTHS} 1.")


async def test_nmi_of_another_site_is_refused(api: Api) -> None:
    vpp_id, nmi = await api.create_vpp(), new_nmi()
    await api.create_site(vpp_id, nmi=nmi)
    other_id = await api.create_site(vpp_id)
    before = await api.fleet_snapshot()

    create_refusal = await api.refusal(CREATE, input={"vppId": vpp_id, "nmi": nmi, "address": STREET})
    update_refusal = await api.refusal(UPDATE, input={"id": other_id, "nmi": nmi, "address": STREET})

    expected = ("Conflict", ["input", "nmi"], f"There is a site with the NMI {nmi} already.")
    assert (create_refusal, update_refusal) == (expected, expected)
    assert await api.fleet_snapshot() == before


async def test_unknown_id_is_refused_with_the_field_that_holds_it(api: Api) -> None:
    unknown, site_id = str(uuid4()), await api.create_site(await api.create_vpp())
    before = await api.fleet_snapshot()

    refusals = [
        await api.refusal(CREATE, input={"vppId": unknown, "nmi": new_nmi(), "address": STREET}),
        await api.refusal(ASSIGN, input={"siteId": site_id, "vppId": unknown, "effectiveFrom": "2025-07-01"}),
        await api.refusal(ASSIGN, input={"siteId": unknown, "vppId": unknown}),
        await api.refusal(UPDATE, input={"id": unknown, "address": STREET}),
        await api.refusal(DELETE, id=unknown),
    ]

    assert refusals == [
        ("NotFound", ["input", "vppId"], f"There is no VPP with the id {unknown}."),
        ("NotFound", ["input", "vppId"], f"There is no VPP with the id {unknown}."),
        ("NotFound", ["input", "siteId"], f"There is no site with the id {unknown}."),
        ("NotFound", ["input", "id"], f"There is no site with the id {unknown}."),
        ("NotFound", ["input", "id"], f"There is no site with the id {unknown}."),
    ]
    assert await api.fleet_snapshot() == before
