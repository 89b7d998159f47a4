"""Who may call the API: keys made and revoked, and the trail of what was changed."""

from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.async_api import Locator, expect

from tests.fixtures.api import Api, new_name, new_nmi
from tests.fixtures.console.browser import NARROWEST, PHONE, Console
from tests.fixtures.console.keyboard import focused, tab_to

WHO_AM_I = "{ getCaller { name role siteIds vppIds } }"
# A session's history is not to be read: but where its entries lead, and what they hold, was told as they were made.
TELL_HISTORY = """for (const name of ["pushState", "replaceState"]) {
  const change = history[name].bind(history);
  window.historyMade ??= [];
  history[name] = (...made) => { window.historyMade.push(JSON.stringify(made)); change(...made); };
}"""
DATABASES = "async () => JSON.stringify([await indexedDB.databases(), await caches.keys()])"


async def test_a_keys_secret_is_shown_once_copied_and_kept_nowhere(console: Console, api: Api) -> None:
    """Console behaviour 23."""
    page, told = console.page, list[str]()
    page.on("console", lambda message: told.append(message.text))
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.add_init_script(TELL_HISTORY)
    await console.open("/access", title="Access")
    await console.press("Create a key")
    await console.dialog("Create a key").get_by_label("Name").fill("Shown once")
    await console.press("Create key")

    dialog = console.dialog("Copy the key Shown once")
    await expect(dialog.get_by_text("The key is shown only this once.")).to_be_visible()
    secret = await dialog.locator("code").inner_text()
    await console.press("Copy key")
    await expect(dialog.get_by_role("button", name="Key copied")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    kept_while_open = await console.kept()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    await console.press("I have copied it")
    await expect(dialog).to_be_hidden()

    assert copied == secret
    assert secret.startswith("da2-")
    assert len(secret) == 47
    assert (await api_of(api, secret).execute(WHO_AM_I))["name"] == "Shown once"
    places = [
        kept_while_open,
        await console.kept(),
        await page.evaluate(DATABASES),
        await page.evaluate("JSON.stringify(window.historyMade)"),
        await page.content(),
        *console.addresses,
        *told,
    ]
    assert [place for place in places if secret in place] == []
    await expect(page.get_by_text(secret[:12])).to_be_visible()
    await page.reload()
    await expect(page.get_by_text(secret[:12])).to_be_visible()
    assert secret not in await console.kept() + await page.content()


async def test_a_key_is_made_by_keyboard_alone(console: Console, api: Api) -> None:
    """Console behaviour 4: the focus is seen, stays within the dialog, and goes back to where it came from."""
    page, name = console.page, new_name()
    vpp_id = await api.create_vpp(name="Harbour by Keyboard")
    await console.open("/access", title="Access")
    await tab_to(console, "Create a key")
    await page.keyboard.press("Enter")
    dialog = console.dialog("Create a key")
    await expect(dialog.get_by_label("Name")).to_be_focused()

    await page.keyboard.type(name)
    await tab_to(console, "Reader")
    await page.keyboard.press("ArrowDown")
    await expect(dialog.get_by_role("radio", name="Operator")).to_be_checked()
    await tab_to(console, "Access limited to VPPs")
    await page.keyboard.type("Harbour by")
    await expect(page.get_by_role("option", name="Harbour by Keyboard")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await tab_to(console, "day,")
    await expect(dialog.get_by_role("button", name="Remove Harbour by Keyboard")).to_be_visible()
    await page.keyboard.type("31122099")
    await tab_to(console, "Create key")
    await page.keyboard.press("Enter")

    secret_dialog = console.dialog(f"Copy the key {name}")
    await expect(secret_dialog).to_be_visible()
    secret = await secret_dialog.locator("code").inner_text()
    for _ in range(4):
        await page.keyboard.press("Tab")
        assert (await focused(console))["isInDialog"]
    await tab_to(console, "I have copied it")
    await page.keyboard.press("Enter")
    await expect(secret_dialog).to_be_hidden()
    await expect(page.get_by_role("button", name="Create a key")).to_be_focused()

    caller = await api_of(api, secret).execute(WHO_AM_I)
    assert caller == {"name": name, "role": "OPERATOR", "siteIds": None, "vppIds": [vpp_id]}
    assert (await key_named(api, name))["expiresAt"] == "2099-12-31T14:00:00.000Z"


async def test_a_key_made_in_the_page_works_until_it_is_revoked_there(console: Console, api: Api) -> None:
    await console.open("/access", title="Access")
    secret = await made(console, "Soon revoked", role="Administrator")
    holder = api_of(api, secret)
    assert (await holder.execute(WHO_AM_I))["role"] == "ADMIN"

    await console.press("Revoke Soon revoked")
    dialog = console.dialog("Revoke Soon revoked")
    await expect(dialog.get_by_text("This takes effect at once")).to_be_visible()
    await expect(dialog.get_by_text("its open subscriptions are closed")).to_be_visible()
    await console.press("Revoke key")
    await expect(dialog).to_be_hidden()

    row = console.page.get_by_role("row").filter(has_text="Soon revoked")
    await expect(row.get_by_text("Revoked", exact=True)).to_be_visible()
    await expect(row.get_by_role("button")).to_have_count(0)
    response = await api.client.post("/graphql", json={"query": WHO_AM_I}, headers={"x-api-key": secret})
    assert response.status_code == 401


async def test_what_keys_are_held_to_is_told_by_names_and_nmis(console: Console, api: Api) -> None:
    names = ["Held One", "Held Two", "Held Three"]
    vpp_ids = [await api.create_vpp(name=name) for name in names]
    site_id, nmi = await a_site(api, vpp_ids[0])
    await named_key(api, "Holds two", role="READER", vppIds=vpp_ids[:2])
    await named_key(api, "Holds three", role="OPERATOR", vppIds=vpp_ids)
    await named_key(api, "Holds a site", role="MEMBER", siteIds=[site_id])
    await named_key(api, "Holds all", role="READER")

    await console.open("/access", title="Access")

    await expect(row_of(console, "Holds two")).to_contain_text("Held One")
    await expect(row_of(console, "Holds two")).to_contain_text("Held Two")
    await expect(row_of(console, "Holds a site")).to_contain_text(nmi)
    await expect(row_of(console, "Holds all")).to_contain_text("All VPPs")
    await console.press("and 2 more for Holds three")
    dialog = console.dialog("Access of Holds three is limited to")
    await expect(dialog.get_by_role("listitem")).to_have_text(names)
    await expect(dialog.get_by_role("link", name="Held Three")).to_have_attribute("href", f"/vpps/{vpp_ids[2]}")


async def test_a_members_sites_are_found_by_nmi_and_by_address(console: Console, api: Api) -> None:
    vpp_id = await api.create_vpp()
    by_nmi, nmi = await a_site(api, vpp_id)
    by_address, _ = await a_site(api, vpp_id, address="12 Lighthouse Lane")
    await console.open("/access?do=create-key", title="Access")
    dialog = console.dialog("Create a key")
    await dialog.get_by_label("Name").fill("Two sites")
    await dialog.locator("label", has_text="Member").click()
    await console.press("Create key")
    await expect(dialog.get_by_role("combobox", name="Access limited to sites")).to_have_accessible_description(
        "At least one. Find sites by NMI or address A MEMBER key needs siteIds: at least one site that it may see."
    )
    await console.page.keyboard.press("Escape")
    await expect(console.page.get_by_role("listbox")).to_have_count(0)
    assert await console.faults() == []

    for text, option in ((nmi, nmi), ("Lighthouse", "12 Lighthouse Lane")):
        await dialog.get_by_role("combobox", name="Access limited to sites").fill(text)
        await console.page.get_by_role("option", name=option).click()
    await console.page.keyboard.press("Tab")
    await expect(dialog.get_by_role("button", name="Remove")).to_have_count(2)
    await console.press("Create key")
    await expect(console.dialog("Copy the key Two sites")).to_be_visible()

    assert (await key_named(api, "Two sites"))["siteIds"] == [by_nmi, by_address]


async def test_a_day_that_is_over_is_refused_at_its_field(console: Console) -> None:
    await console.open("/access?do=create-key", title="Access")
    dialog = console.dialog("Create a key")
    await dialog.get_by_label("Name").fill("Over before it began")
    await dialog.get_by_role("spinbutton", name="day, Last valid day").press_sequentially("31122020")
    await console.press("Create key")

    refusal = "An API key must expire in the future; 2021-01-01T00:00:00+10:00 has passed."
    await expect(dialog.get_by_role("spinbutton", name="year, Last valid day")).to_have_accessible_description(
        f"Selected Date: 31 December 2020 In NEM time (UTC+10). Leave it empty for a key that does not expire {refusal}"
    )
    await expect(dialog.get_by_role("alert")).to_have_count(0)


async def test_a_draft_of_a_key_outlives_a_reload(console: Console) -> None:
    await console.open("/access?do=create-key", title="Access")
    dialog = console.dialog("Create a key")
    await dialog.get_by_label("Name").fill("Typed before")
    await dialog.locator("label", has_text="Operator").click()

    await console.page.reload()

    await expect(dialog.get_by_label("Name")).to_have_value("Typed before")
    await expect(dialog.get_by_role("radio", name="Operator")).to_be_checked()


@pytest.mark.parametrize("role", ["MEMBER", "READER", "OPERATOR"])
async def test_access_is_told_to_be_for_administrators(console: Console, api: Api, role: str) -> None:
    """Console behaviour 25: nothing is asked, so nothing can flash up."""
    site_ids = {"siteIds": [await api.create_site(await api.create_vpp())]} if role == "MEMBER" else {}
    await console.sign_in(await api.create_key(role, **site_ids))
    console.operations.clear()

    await console.open("/access?show=audit&do=create-key", title="This page is for administrators")

    assert [asked for asked in console.operations if "getCaller" not in asked["query"]] == []
    await expect(console.page.get_by_role("dialog")).to_have_count(0)
    await expect(console.page.get_by_role("link", name="Access", exact=True)).to_have_count(0)


async def test_an_entry_opens_to_what_differs_and_then_to_what_stayed(console: Console, api: Api) -> None:
    vpp_id = await api.create_vpp(name="Audited", percentage=20)
    await api.execute(
        "mutation ($input: UpdateVppInput!) { updateVpp(input: $input) { id } }",
        input={"id": vpp_id, "revenuePercentage": 25, "effectiveFrom": "2026-01-01"},
    )
    await console.open("/access?" + urlencode({"show": "audit", "object": vpp_id}), title="Access")
    entries = console.page.get_by_role("list", name="Changes, newest first").get_by_role("listitem")

    await console.page.get_by_role("button", name="Update VPP Audited").click()

    changed = console.page.get_by_role("table", name="Changed fields")
    await expect(changed.get_by_role("rowheader")).to_have_text(["Price schedules"])
    before, after = changed.get_by_role("cell").nth(0), changed.get_by_role("cell").nth(1)
    await expect(before).to_have_text(
        "Daily fee AUD 0 · Effective from None · Effective until None · Revenue percentage 20".replace(" · ", "")
    )
    await expect(after.get_by_role("listitem")).to_have_count(2)
    await expect(after).to_contain_text("Effective from 1 Jan 2026")
    await expect(after).to_contain_text("Revenue percentage 25")
    await console.press("Show unchanged fields (1)")
    stayed = console.page.get_by_role("table", name="Unchanged fields")
    await expect(stayed.get_by_role("row").nth(1)).to_have_text("NameAuditedAudited")
    await expect(console.page.get_by_role("link", name="Go to this VPP")).to_have_attribute("href", f"/vpps/{vpp_id}")
    await expect(entries.get_by_role("button", name="Create VPP Audited")).to_be_visible()


async def test_a_deleted_object_is_told_of_and_led_to_no_more(console: Console, api: Api) -> None:
    vpp_id = await api.create_vpp(name="Short lived")
    await api.execute("mutation ($id: ID!) { deleteVpp(input: {id: $id}) { id } }", id=vpp_id)
    await console.open("/access?" + urlencode({"show": "audit", "object": vpp_id}), title="Access")

    await console.page.get_by_role("button", name="Delete VPP Short lived").click()

    changed = console.page.get_by_role("table", name="Changed fields")
    await expect(changed.get_by_role("row").filter(has_text="Name")).to_have_text("NameShort livedDoes not exist")
    await expect(console.page.get_by_role("link", name="Go to this VPP")).to_have_count(0)


async def test_the_trail_is_narrowed_down_and_the_address_says_so(console: Console, api: Api) -> None:
    by_somebody = await api.as_role("OPERATOR")
    name = (await by_somebody.execute(WHO_AM_I))["name"]
    await by_somebody.create_vpp(name="By somebody")
    await by_somebody.create_park(name="Park by somebody")
    await api.create_vpp(name="By another")
    await console.open("/access?show=audit", title="Access")
    page = console.page

    await page.get_by_label("Caller (full name)").fill(name)
    await page.keyboard.press("Enter")
    entries = page.get_by_role("list", name="Changes, newest first").get_by_role("button")
    await expect(entries).to_have_count(2)
    await page.get_by_role("button", name="Object").click()
    await page.get_by_role("option", name="Park", exact=True).click()
    await expect(entries).to_have_count(1)
    await expect(entries).to_contain_text("Create park Park by somebody")
    await expect(page).to_have_url(
        f"{console.url}/access?" + urlencode({"show": "audit", "caller": name, "type": "Park"})
    )

    await page.get_by_role("button", name="Action").click()
    await page.get_by_role("option", name="Update park").click()
    await expect(page.get_by_role("heading", name="No changes match the filter")).to_be_visible()
    await console.press("Clear the filter")
    await expect(page.get_by_role("button", name="Create VPP By another")).to_be_visible()

    await page.get_by_role("spinbutton", name="day, Last day").press_sequentially("31122024")
    await expect(page.get_by_role("heading", name="No changes match the filter")).to_be_visible()
    await expect(page).to_have_url(f"{console.url}/access?show=audit&last=2024-12-31")


async def test_the_trail_is_read_a_page_at_a_time(console: Console, api: Api) -> None:
    """Console behaviour 25: by its cursor, without counting what there is."""
    somebody = await api.as_role("OPERATOR")
    name = (await somebody.execute(WHO_AM_I))["name"]
    for _ in range(60):
        await somebody.create_vpp()
    console.operations.clear()
    await console.open("/access?" + urlencode({"show": "audit", "caller": name}), title="Access")
    entries = console.page.get_by_role("list", name="Changes, newest first").get_by_role("button")
    await expect(entries).to_have_count(50)

    await console.press("Show more")

    await expect(entries).to_have_count(60)
    await expect(console.page.get_by_role("button", name="Show more")).to_have_count(0)
    assert sum("listAuditEntries" in asked["query"] for asked in console.operations) == 2


async def test_axe_finds_nothing_on_the_page_of_access(console: Console, api: Api) -> None:
    """Console behaviour 3."""
    vpp_ids = [await api.create_vpp() for _ in range(3)]
    await named_key(api, "Seen by axe", role="READER", vppIds=vpp_ids)
    await console.open("/access", title="Access")
    await expect(row_of(console, "Seen by axe").get_by_text("VPP ")).to_be_visible()
    found = {"keys": await console.faults()}

    await console.press("and 2 more for Seen by axe")
    found["held to"] = await console.faults()
    await console.press("Close")
    await console.press("Revoke Seen by axe")
    found["revoke"] = await console.faults()
    await console.press("Cancel")
    await console.press("Create a key")
    found["create"] = await console.faults()
    await console.dialog("Create a key").get_by_label("Name").fill("Axe")
    await console.press("Create key")
    await expect(console.dialog("Copy the key Axe")).to_be_visible()
    found["secret"] = await console.faults()
    await console.open("/access?show=audit", title="Access")
    await console.page.get_by_role("button", name="Create API key Axe").first.click()
    found["trail"] = await console.faults()

    assert [fault for faults in found.values() for fault in faults] == []


@pytest.mark.parametrize("viewport", [NARROWEST, PHONE])
async def test_no_control_is_lost_where_the_window_is_narrow(console: Console, api: Api, viewport: Any) -> None:
    """Console behaviours 5 and 6."""
    name = f"A key with a name that is longer than such a window is wide, of {viewport['width']} pixels"
    await named_key(api, name, role="READER", vppIds=[await api.create_vpp() for _ in range(3)])
    for address in ("/access", "/access?show=audit&type=ApiKey"):
        await console.page.set_viewport_size({"width": 1280, "height": 850})
        await console.open(address, title="Access")
        if "audit" in address:
            await console.page.get_by_role("button", name=f"Create API key {name}").click()
        else:
            await expect(row_of(console, name).get_by_text("VPP ")).to_be_visible()
        wide = await console.controls()

        await console.page.set_viewport_size(viewport)

        assert await console.controls() == wide
        assert await console.overflows() == []
        assert await console.too_small() == []


def api_of(api: Api, secret: str) -> Api:
    return Api(api.client, api.s3, api.notices, key=secret)


async def made(console: Console, name: str, *, role: str) -> str:
    """Make a key on the page, and return its secret."""
    await console.press("Create a key")
    dialog = console.dialog("Create a key")
    await dialog.get_by_label("Name").fill(name)
    await dialog.locator("label", has_text=role).click()
    await console.press("Create key")
    secret = await console.dialog(f"Copy the key {name}").locator("code").inner_text()
    await console.press("I have copied it")
    return secret


async def named_key(api: Api, name: str, **more: Any) -> None:
    create = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }"
    await api.execute(create, input={"name": name, **more})


async def key_named(api: Api, name: str) -> Any:
    keys = (await api.execute("{ listApiKeys { items { name expiresAt siteIds } } }"))["items"]
    (key,) = [key for key in keys if key["name"] == name]
    return key


async def a_site(api: Api, vpp_id: str, **more: Any) -> tuple[str, str]:
    """Create a site, and return its id and its NMI."""
    nmi = new_nmi()
    return await api.create_site(vpp_id, nmi=nmi, **more), nmi


def row_of(console: Console, name: str) -> Locator:
    return console.page.get_by_role("row").filter(has_text=name)
