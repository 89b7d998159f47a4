"""The access page: creating and revoking API keys, and the audit trail."""

from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.async_api import Locator, expect

from tests.fixtures.api import Api, new_name, new_nmi
from tests.fixtures.console.browser import NARROWEST, PHONE, Console, expect_equal
from tests.fixtures.console.keyboard import focused_element, tab_to

WHO_AM_I = "{ getCaller { name role siteIds vppIds } }"
# The session history cannot be read back, so every pushState and replaceState call is recorded.
RECORD_HISTORY = """for (const name of ["pushState", "replaceState"]) {
  const change = history[name].bind(history);
  window.historyMade ??= [];
  history[name] = (...made) => { window.historyMade.push(JSON.stringify(made)); change(...made); };
}"""
DATABASES = "async () => JSON.stringify([await indexedDB.databases(), await caches.keys()])"


async def test_a_keys_secret_is_shown_once_and_stored_nowhere(console: Console, api: Api) -> None:
    page, messages = console.page, list[str]()
    page.on("console", lambda message: messages.append(message.text))
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.add_init_script(RECORD_HISTORY)
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
    kept_while_open = await console.stored_state()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    await console.press("I have copied it")
    await expect(dialog).to_be_hidden()

    assert copied == secret
    assert secret.startswith("da2-")
    assert len(secret) == 47
    assert (await api_with_key(api, secret).execute(WHO_AM_I))["name"] == "Shown once"
    exposed_texts = [
        kept_while_open,
        await console.stored_state(),
        await page.evaluate(DATABASES),
        await page.evaluate("JSON.stringify(window.historyMade)"),
        await page.content(),
        *console.requested_urls,
        *messages,
    ]
    assert [text for text in exposed_texts if secret in text] == []
    await expect(page.get_by_text(secret[:12])).to_be_visible()
    await page.reload()
    await expect(page.get_by_text(secret[:12])).to_be_visible()
    assert secret not in await console.stored_state() + await page.content()


async def test_a_key_can_be_created_with_the_keyboard_alone(console: Console, api: Api) -> None:
    """The focus is visible, trapped in the dialog, and returned to the button that opened it."""
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
    await expect(secret_dialog).to_be_focused()
    secret = await secret_dialog.locator("code").inner_text()
    for _ in range(4):
        await page.keyboard.press("Tab")
        assert (await focused_element(console))["isInDialog"]
    await tab_to(console, "I have copied it")
    await page.keyboard.press("Enter")
    await expect(secret_dialog).to_be_hidden()
    await expect(page.get_by_role("button", name="Create a key")).to_be_focused()

    caller = await api_with_key(api, secret).execute(WHO_AM_I)
    assert caller == {"name": name, "role": "OPERATOR", "siteIds": None, "vppIds": [vpp_id]}
    assert (await find_key(api, name))["expiresAt"] == "2099-12-31T14:00:00.000Z"


async def test_a_created_key_is_valid_until_it_is_revoked(console: Console, api: Api) -> None:
    await console.open("/access", title="Access")
    secret = await create_key(console, "Soon revoked", role="Administrator")
    holder = api_with_key(api, secret)
    assert (await holder.execute(WHO_AM_I))["role"] == "ADMIN"

    await console.press("Revoke Soon revoked")
    dialog = console.dialog("Revoke Soon revoked")
    await expect(dialog.get_by_text("This takes effect immediately")).to_be_visible()
    await expect(dialog.get_by_text("its open subscriptions are closed")).to_be_visible()
    await console.press("Revoke key")
    await expect(dialog).to_be_hidden()

    row = console.page.get_by_role("row").filter(has_text="Soon revoked")
    await expect(row.get_by_text("Revoked", exact=True)).to_be_visible()
    await expect(row.get_by_role("button")).to_have_count(0)
    response = await api.client.post("/graphql", json={"query": WHO_AM_I}, headers={"x-api-key": secret})
    assert response.status_code == 401


async def test_a_keys_scope_is_shown_as_vpp_names_and_nmis(console: Console, api: Api) -> None:
    names = ["Held One", "Held Two", "Held Three"]
    vpp_ids = [await api.create_vpp(name=name) for name in names]
    site_id, nmi = await create_site(api, vpp_ids[0])
    await create_key_by_api(api, "Holds two", role="READER", vppIds=vpp_ids[:2])
    await create_key_by_api(api, "Holds three", role="OPERATOR", vppIds=vpp_ids)
    await create_key_by_api(api, "Holds a site", role="MEMBER", siteIds=[site_id])
    await create_key_by_api(api, "Holds all", role="READER")

    await console.open("/access", title="Access")

    await expect(find_row(console, "Holds two")).to_contain_text("Held One")
    await expect(find_row(console, "Holds two")).to_contain_text("Held Two")
    await expect(find_row(console, "Holds a site")).to_contain_text(nmi)
    await expect(find_row(console, "Holds all")).to_contain_text("All VPPs")
    await console.press("and 2 more for Holds three")
    dialog = console.dialog("Access of Holds three is limited to")
    await expect(dialog.get_by_role("listitem")).to_have_text(names)
    await expect(dialog.get_by_role("link", name="Held Three")).to_have_attribute("href", f"/vpps/{vpp_ids[2]}")


async def test_a_members_sites_are_found_by_nmi_and_by_address(console: Console, api: Api) -> None:
    vpp_id = await api.create_vpp()
    by_nmi, nmi = await create_site(api, vpp_id)
    by_address, _ = await create_site(api, vpp_id, address="12 Lighthouse Lane")
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
    assert await console.axe_violations() == []

    for text, option in ((nmi, nmi), ("Lighthouse", "12 Lighthouse Lane")):
        await dialog.get_by_role("combobox", name="Access limited to sites").fill(text)
        await console.page.get_by_role("option", name=option).click()
    await console.page.keyboard.press("Tab")
    await expect(dialog.get_by_role("button", name="Remove")).to_have_count(2)
    await console.press("Create key")
    await expect(console.dialog("Copy the key Two sites")).to_be_visible()

    assert (await find_key(api, "Two sites"))["siteIds"] == [by_nmi, by_address]


async def test_a_past_expiry_is_rejected_at_its_field(console: Console) -> None:
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


async def test_a_key_draft_survives_a_reload(console: Console) -> None:
    await console.open("/access?do=create-key", title="Access")
    dialog = console.dialog("Create a key")
    await dialog.get_by_label("Name").fill("Typed before")
    await dialog.locator("label", has_text="Operator").click()

    await console.page.reload()

    await expect(dialog.get_by_label("Name")).to_have_value("Typed before")
    await expect(dialog.get_by_role("radio", name="Operator")).to_be_checked()


@pytest.mark.parametrize("role", ["MEMBER", "READER", "OPERATOR"])
async def test_the_access_page_is_forbidden_for_lower_roles(console: Console, api: Api, role: str) -> None:
    """No query is sent, so no data can be shown even for a moment."""
    site_ids = {"siteIds": [await api.create_site(await api.create_vpp())]} if role == "MEMBER" else {}
    await console.sign_in(await api.create_key(role, **site_ids))
    console.operations.clear()

    await console.open("/access?show=audit&do=create-key", title="This page is for administrators")

    assert [operation for operation in console.operations if "getCaller" not in operation["query"]] == []
    await expect(console.page.get_by_role("dialog")).to_have_count(0)
    await expect(console.page.get_by_role("link", name="Access", exact=True)).to_have_count(0)


async def test_an_audit_entry_expands_to_changed_and_then_unchanged_fields(console: Console, api: Api) -> None:
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


async def test_a_deleted_object_is_shown_without_a_link(console: Console, api: Api) -> None:
    vpp_id = await api.create_vpp(name="Short lived")
    await api.execute("mutation ($id: ID!) { deleteVpp(input: {id: $id}) { id } }", id=vpp_id)
    await console.open("/access?" + urlencode({"show": "audit", "object": vpp_id}), title="Access")

    await console.page.get_by_role("button", name="Delete VPP Short lived").click()

    changed = console.page.get_by_role("table", name="Changed fields")
    await expect(changed.get_by_role("row").filter(has_text="Name")).to_have_text("NameShort livedDoes not exist")
    await expect(console.page.get_by_role("link", name="Go to this VPP")).to_have_count(0)


async def test_the_audit_trail_filter_is_kept_in_the_url(console: Console, api: Api) -> None:
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


async def test_the_audit_trail_is_paginated(console: Console, api: Api) -> None:
    """The list is read by cursor, without counting."""
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
    assert sum("listAuditEntries" in operation["query"] for operation in console.operations) == 2


async def test_the_access_page_has_no_axe_violations(console: Console, api: Api) -> None:
    vpp_ids = [await api.create_vpp() for _ in range(3)]
    await create_key_by_api(api, "Seen by axe", role="READER", vppIds=vpp_ids)
    await console.open("/access", title="Access")
    await expect(find_row(console, "Seen by axe").get_by_text("VPP ")).to_be_visible()
    found = {"keys": await console.axe_violations()}

    await console.press("and 2 more for Seen by axe")
    await expect(console.dialog("Access of Seen by axe is limited to")).to_be_visible()
    found["scope"] = await console.axe_violations()
    await console.press("Close")
    await console.press("Revoke Seen by axe")
    await expect(console.dialog("Revoke Seen by axe")).to_be_visible()
    found["revoke"] = await console.axe_violations()
    await console.press("Cancel")
    await console.press("Create a key")
    await expect(console.dialog("Create a key")).to_be_visible()
    found["create"] = await console.axe_violations()
    await console.dialog("Create a key").get_by_label("Name").fill("Axe")
    await console.press("Create key")
    await expect(console.dialog("Copy the key Axe")).to_be_visible()
    found["secret"] = await console.axe_violations()
    await console.open("/access?show=audit", title="Access")
    await console.page.get_by_role("button", name="Create API key Axe").first.click()
    await expect(console.page.get_by_role("table", name="Changed fields")).to_be_visible()
    found["trail"] = await console.axe_violations()

    assert [fault for faults in found.values() for fault in faults] == []


@pytest.mark.parametrize("viewport", [NARROWEST, PHONE])
async def test_narrow_windows_keep_every_control(console: Console, api: Api, viewport: Any) -> None:
    name = f"A key with a name that is longer than such a window is wide, of {viewport['width']} pixels"
    await create_key_by_api(api, name, role="READER", vppIds=[await api.create_vpp() for _ in range(3)])
    for address in ("/access", "/access?show=audit&type=ApiKey"):
        await console.page.set_viewport_size({"width": 1280, "height": 850})
        await console.open(address, title="Access")
        if "audit" in address:
            await console.page.get_by_role("button", name=f"Create API key {name}").click()
        else:
            await expect(find_row(console, name).get_by_text("VPP ")).to_be_visible()
        await expect(console.loading).to_have_count(0)
        wide = await console.controls()

        await console.page.set_viewport_size(viewport)

        await expect_equal(console.controls, wide)
        assert await console.overflows() == []
        assert await console.small_targets() == []


def api_with_key(api: Api, secret: str) -> Api:
    return Api(api.client, api.s3, api.notices, key=secret)


async def create_key(console: Console, name: str, *, role: str) -> str:
    """Create a key on the page, and return its secret."""
    await console.press("Create a key")
    dialog = console.dialog("Create a key")
    await dialog.get_by_label("Name").fill(name)
    await dialog.locator("label", has_text=role).click()
    await console.press("Create key")
    secret = await console.dialog(f"Copy the key {name}").locator("code").inner_text()
    await console.press("I have copied it")
    return secret


async def create_key_by_api(api: Api, name: str, **more: Any) -> None:
    create = "mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }"
    await api.execute(create, input={"name": name, **more})


async def find_key(api: Api, name: str) -> Any:
    keys = (await api.execute("{ listApiKeys { items { name expiresAt siteIds } } }"))["items"]
    (key,) = [key for key in keys if key["name"] == name]
    return key


async def create_site(api: Api, vpp_id: str, **more: Any) -> tuple[str, str]:
    """Create a site, and return its id and its NMI."""
    nmi = new_nmi()
    return await api.create_site(vpp_id, nmi=nmi, **more), nmi


def find_row(console: Console, name: str) -> Locator:
    return console.page.get_by_role("row").filter(has_text=name)
