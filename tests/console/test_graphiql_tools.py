"""The console's additions to GraphiQL: credentials, examples, history, tables, costs and events."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from graphql import parse, validate
from playwright.async_api import BrowserContext, Locator, Request, expect

from graph.schema import schema
from graph.web.server import Serving
from tests.fixtures.api import API_KEY, Api
from tests.fixtures.console.browser import NARROWEST, expect_equal
from tests.fixtures.console.graphiql_page import GraphiQL, text_of

EXAMPLES = Path(__file__).parents[2] / "console" / "src" / "graphiql" / "examples"
WHO_AM_I = "query WhoAmI { getCaller { name } }"
CALLER = '{ "data": { "getCaller": { "name": '


class Workbench(GraphiQL):
    """The GraphiQL page with the console's toolbar and footer."""

    @property
    def variables(self) -> Locator:
        return self.page.get_by_role("region", name="Variables")

    @property
    def credentials(self) -> Locator:
        return self.page.get_by_role("button", name=re.compile(r" Credentials$"))

    @property
    def events(self) -> Locator:
        return self.page.get_by_role("region", name="Events")

    async def select_credentials(self, mode: str, secret: str | None = None) -> None:
        """Select the credentials to send operations with."""
        await self.credentials.click()
        await self.page.get_by_role("option", name=mode).click()
        if secret is not None:
            await self.page.get_by_label(re.compile("^(API key|Token)$")).fill(secret)

    async def request(self, name: str, operation: str) -> Request:
        """Run an operation, and return the request that was sent."""
        async with self.page.expect_request("**/graphql") as request:
            await self.run(name, operation)
        return await request.value

    async def open_example(self, title: str, tab: str) -> None:
        await self.press("Examples")
        await self.page.get_by_role("menuitem", name=title).click()
        await expect(self.tab).to_have_text(tab)
        await expect(text_of(self.operation)).to_be_focused()

    async def press(self, name: str) -> None:
        """Press the button whose name starts with `name`: GraphiQL appends the shortcut to names."""
        await self.page.get_by_role("button", name=re.compile(f"^{name}")).click()

    async def show_table(self) -> None:
        await self.page.get_by_role("radio", name="Table").click()

    async def expect_column(self, name: str, *texts: str) -> None:
        """Wait until a column of the table has exactly these texts: the table is drawn again after each click."""
        await expect(self.page.locator(f'td[data-column="{name}"]')).to_have_text(texts)


@pytest.fixture
async def graphiql(window: BrowserContext, served_console: Serving) -> AsyncIterator[Workbench]:
    """Open GraphiQL in a desktop window. It must request no other host and log no error."""
    graphiql = Workbench(await window.new_page(), served_console.url)
    # Clear what other tests left in localStorage, which the tabs share.
    await graphiql.page.goto(f"{graphiql.url}/livez")
    await graphiql.page.evaluate("localStorage.clear()")
    await graphiql.open("/graphql", title="GraphiQL")
    await expect(graphiql.headers).to_contain_text(API_KEY)
    yield graphiql
    assert graphiql.hosts == {served_console.url.removeprefix("http://")}
    assert graphiql.console_errors == []


def read_lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8-sig").splitlines()


async def test_operations_are_sent_with_the_selected_credentials(graphiql: Workbench, api: Api) -> None:
    reader = await api.create_key("READER")
    subscription = f'subscription OfNone {{ onImportProgress(id: "{uuid4()}") {{ status }} }}'
    other_headers = {"accept-language": "en-AU"}
    await graphiql.write(graphiql.headers, json.dumps({"x-api-key": API_KEY} | other_headers))

    await expect(graphiql.credentials).to_have_text("Your session")
    await graphiql.select_credentials("Another API key", reader)
    await expect(graphiql.headers).to_contain_text(reader)
    by_key = await graphiql.request("WhoAmI", WHO_AM_I)
    await expect(graphiql.result).to_contain_text(CALLER + '"VPP ')
    await graphiql.run("OfNone", subscription)
    await expect(graphiql.result).to_contain_text('"errors"')
    await graphiql.select_credentials("Bearer token", "of nobody")
    by_token = await graphiql.request("WhoAmI", WHO_AM_I)
    await expect(graphiql.result).to_contain_text('"errorType": "UnauthorizedException"')
    await graphiql.select_credentials("None")
    by_none = await graphiql.request("WhoAmI", WHO_AM_I)
    await expect(graphiql.result).to_contain_text('"errorType": "UnauthorizedException"')
    await graphiql.select_credentials("Your session")
    as_signed_in = await graphiql.request("WhoAmI", WHO_AM_I)
    await expect(graphiql.result).to_contain_text(CALLER + '"bootstrap"')

    headers = [await request.all_headers() for request in (by_key, by_token, by_none, as_signed_in)]
    assert [(sent.get("x-api-key"), sent.get("authorization")) for sent in headers] == [
        (reader, None),
        (None, "Bearer of nobody"),
        (None, None),
        (API_KEY, None),
    ]
    assert {sent["accept-language"] for sent in headers} == {"en-AU"}
    assert [message["payload"] for message in graphiql.websocket_messages("connection_init")] == [
        {"x-api-key": reader} | other_headers
    ]
    refused = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
    assert graphiql.console_errors == [refused, refused]
    graphiql.console_errors.clear()


async def test_a_new_tab_takes_over_the_credentials_of_the_previous_one(graphiql: Workbench) -> None:
    await graphiql.select_credentials("Bearer token", "of-nobody")
    await graphiql.press("New tab")
    await expect(graphiql.headers).to_contain_text("Bearer of-nobody")

    await expect(graphiql.credentials).to_have_text("Bearer token")
    await expect(graphiql.page.get_by_label("Token", exact=True)).to_have_value("of-nobody")


async def test_the_credentials_field_follows_edits_of_the_headers(graphiql: Workbench) -> None:
    await graphiql.write(graphiql.headers, '{ "Authorization": "Bearer eyJ" }')
    await expect(graphiql.credentials).to_have_text("Bearer token")
    await graphiql.write(graphiql.headers, "{ // none\n}")

    await expect(graphiql.credentials).to_have_text("None")


async def test_an_expired_session_asks_for_a_key_and_keeps_the_operation(graphiql: Workbench, api: Api) -> None:
    created = await api.execute(
        'mutation { createApiKey(input: { name: "To be revoked", role: READER }) { secret apiKey { id } } }'
    )
    another = await api.create_key("READER")
    await graphiql.press("Sign out")
    await graphiql.page.get_by_label("API key").fill(created["secret"])
    await graphiql.press("Sign in")
    await expect(graphiql.headers).to_contain_text(created["secret"])
    await graphiql.run("WhoAmI", WHO_AM_I)
    await expect(graphiql.result).to_contain_text(CALLER + '"To be revoked"')

    await api.execute("mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { id } }", id=created["apiKey"]["id"])
    await graphiql.press("Execute query")
    dialog = graphiql.dialog("Your session has ended")
    await dialog.get_by_label("API key").fill(another)
    await dialog.get_by_role("button", name="Sign in", exact=True).click()
    await expect(dialog).to_be_hidden()

    assert graphiql.console_errors == [
        "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
    ]
    graphiql.console_errors.clear()
    await expect(graphiql.tab).to_have_text("WhoAmI")
    await expect(graphiql.credentials).to_have_text("Your session")


async def test_history_stores_operations_and_variables_but_no_headers_or_keys(graphiql: Workbench, api: Api) -> None:
    reader = await api.create_key("READER")
    operation = "query Named($name: String!) { getVppByName(name: $name) { id } }"
    await graphiql.select_credentials("Another API key", reader)
    await graphiql.page.get_by_role("button", name="Variables").click()
    await graphiql.write(graphiql.variables, '{ "name": "Nowhere" }')
    await graphiql.run("Named", operation)
    await expect(graphiql.result).to_contain_text('"getVppByName": null')
    await graphiql.run("WhoAmI", WHO_AM_I)
    await expect(graphiql.result).to_contain_text('"getCaller"')
    stored = await graphiql.stored_state()

    await graphiql.page.reload()
    await graphiql.press("Show History")
    entries = graphiql.page.get_by_role("region", name="History").get_by_role("listitem")
    await expect(entries).to_contain_text(["WhoAmI", '{ "name": "Nowhere" }'])
    await entries.nth(1).get_by_role("button").first.click()
    await expect(graphiql.tab).to_have_text("Named")
    await expect(graphiql.variables).to_contain_text('"name": "Nowhere"')
    await graphiql.press("Execute query")
    await expect(graphiql.result).to_contain_text('"getVppByName": null')
    await expect(entries).to_contain_text(["Named", "WhoAmI"])
    await graphiql.press("Clear")
    await expect(entries).to_have_count(0)

    assert '"Nowhere' in json.loads(json.loads(stored)[0]["graphiql:history"])[1]["variables"]
    assert [key for key in (API_KEY, reader) if key in stored + await graphiql.stored_state()] == []


async def test_settings_offer_no_option_to_store_headers(graphiql: Workbench) -> None:
    await graphiql.press("Open settings dialog")

    await expect(graphiql.dialog("Settings")).to_contain_text("Clear storage")
    await expect(graphiql.dialog("Settings")).not_to_contain_text("Persist headers")


async def test_variables_are_validated_against_the_operation(graphiql: Workbench) -> None:
    operation = "query Some($limit: Int) { listVpps(limit: $limit) { nextToken } }"
    await graphiql.page.get_by_role("button", name="Variables").click()
    await graphiql.write(graphiql.variables, '{ "limit": "ten" }')
    await graphiql.write(graphiql.operation, operation)
    await expect(graphiql.variables.locator(".squiggly-error")).to_be_visible()

    await graphiql.write(graphiql.variables, '{ "limit": 10 }')
    await expect(graphiql.variables.locator(".squiggly-error")).to_have_count(0)


async def test_the_cost_of_an_operation_is_shown(graphiql: Workbench) -> None:
    footer = graphiql.page.locator(".graphiql-footer")
    await graphiql.run("Ten", "query Ten { listVpps(limit: 10) { items { name } } }")
    await expect(footer).to_contain_text("Cost 11 of 12,000, 11,989 remain")

    events = "listSites(limit: 200) { items { events(limit: 200) { items { id } } } }"
    await graphiql.run("TooMany", f"query TooMany {{ {events} }}")
    await expect(footer).to_contain_text("Cost 40,401 of 12,000, 28,401 too many")


async def test_a_list_can_be_shown_as_a_table_sorted_and_downloaded(graphiql: Workbench, api: Api) -> None:
    for number, fee in enumerate((9.5, 10, 0.25), 1):
        vpp_id = await api.create_vpp(name=f"Tabled {number}", daily_fee=fee)
        await api.create_site(vpp_id, nmi=f"00123{number:05}", capacity_kwh=13.5)
    fields = "name dailyFeeAud priceSchedules { effectiveFrom } sites { items { nmi vpp { name } } }"
    await graphiql.run(
        "Tabled", f'query Tabled {{ listVpps(filter: {{ nameContains: "Tabled" }}) {{ items {{ {fields} }} }} }}'
    )
    await expect(graphiql.result).to_contain_text('"name": "Tabled 1"')

    await graphiql.show_table()
    await expect(graphiql.page.get_by_role("table", name="listVpps.items")).to_be_visible()
    await expect(graphiql.result).to_be_hidden()
    await graphiql.expect_column("name", "Tabled 1", "Tabled 2", "Tabled 3")
    await graphiql.press("dailyFeeAud")
    await graphiql.expect_column("dailyFeeAud", "10", "9.5", "0.25")
    async with graphiql.page.expect_download() as vpps:
        await graphiql.press("CSV")
    await graphiql.page.get_by_role("button", name=re.compile("List$")).click()
    await graphiql.page.get_by_role("option", name="listVpps.items.sites.items (3)").click()
    await expect(graphiql.page.get_by_role("table", name="listVpps.items.sites.items")).to_be_visible()
    await graphiql.expect_column("vpp.name", "Tabled 1", "Tabled 2", "Tabled 3")
    async with graphiql.page.expect_download() as sites:
        await graphiql.press("CSV")

    assert (await vpps.value).suggested_filename == "Tabled listVpps.items.csv"
    assert read_lines(await (await sites.value).path()) == [
        "nmi,vpp.name",
        "0012300001,Tabled 1",
        "0012300002,Tabled 2",
        "0012300003,Tabled 3",
    ]


async def test_subscription_events_are_listed_with_their_times(graphiql: Workbench, api: Api) -> None:
    await api.create_site(await api.create_vpp(), nmi="5000000001")
    import_id = await api.upload("NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n5000000001,2025-09-01,DISCHARGE,10,20\n")
    items = graphiql.events.get_by_role("listitem")
    subscription = f'subscription Seen {{ onImportProgress(id: "{import_id}") {{ status rowsRead }} }}'

    await graphiql.run("Seen", subscription)
    await expect(items).to_have_count(1)
    await expect(graphiql.events).to_contain_text("live")
    await api.execute("mutation ($id: ID!) { startImport(input: {id: $id}) { id } }", id=import_id)
    await expect(items.first).to_contain_text('{"status":"COMPLETED","rowsRead":1}')
    await items.first.locator("summary").click()
    await graphiql.press("Stop query")

    await expect(items.last).to_contain_text('{"status":"AWAITING_UPLOAD","rowsRead":0}')
    await expect(items.first.locator("pre")).to_contain_text('"onImportProgress": { "status": "COMPLETED"')
    await expect(graphiql.events).to_contain_text("ended")
    times = await items.locator("time").all_inner_texts()
    assert len(times) == await items.count() >= 2
    assert all(re.fullmatch(r"\d{1,2}:\d\d:\d\d [ap]m", time) for time in times)
    await graphiql.press("Close the events")
    await expect(graphiql.events).to_be_hidden()


async def test_leaving_the_page_ends_its_subscription(graphiql: Workbench, api: Api) -> None:
    import_id = await api.upload("NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n")
    subscription = f'subscription Left {{ onImportProgress(id: "{import_id}") {{ status }} }}'
    async with graphiql.page.expect_websocket() as opened:
        await graphiql.run("Left", subscription)
        await expect(graphiql.events).to_contain_text("1 event")
    socket = await opened.value
    async with socket.expect_event("close"):
        await graphiql.page.get_by_role("link", name="Fleet").click()

    await expect(graphiql.title).to_have_text("Fleet")


async def test_every_example_runs_with_existing_objects(graphiql: Workbench, api: Api) -> None:
    vpp_id = await api.create_vpp(name="Exemplary")
    await api.create_site(vpp_id, nmi="6000000001", capacity_kwh=13.5)
    await api.create_park(name="Park of examples")
    await api.import_file("NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n6000000001,2025-09-01,DISCHARGE,10,20\n")
    await api.settle_month(vpp_id, "2025-09")
    run = {
        "VPPs and their terms": ("VppTerms", '{ "data": { "listVpps": { "items": [ {'),
        "A site with its batteries": ("SiteWithBatteries", '{ "data": { "getSiteByNmi": { "address": "1 King St"'),
        "An import's progress": ("ImportProgress", '{ "data": { "onImportProgress": { "fileName": "events.csv"'),
        "A report with its line items": ("LatestReport", '{ "data": { "getLatestRevenueReport": { "revision": 1'),
        "A month with other terms": ("TryTerms", '{ "data": { "simulateRevenueReport": { "totals": {'),
        "Parks by day": ("DailyStats", '{ "data": { "listParkDailyStats": { "items": []'),
        "An import in three steps": ("RegisterImport", '{ "data": { "createImport": { "uploadUrl": "http'),
        "API keys": ("WhoAmI", '{ "data": { "getCaller": { "authType": "API_KEY"'),
    }

    async def titles() -> set[str]:
        return set(await graphiql.page.get_by_role("menuitem").all_inner_texts())

    await graphiql.press("Examples")
    await expect_equal(titles, set(run))
    await graphiql.page.keyboard.press("Escape")
    for title, (tab, answer) in run.items():
        await graphiql.open_example(title, tab)
        await graphiql.page.keyboard.press("ControlOrMeta+Enter")
        await expect(graphiql.result).to_contain_text(answer)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.graphql")), ids=lambda file: file.stem)
def test_an_example_is_valid_for_the_schema(file: Path) -> None:
    assert validate(schema._schema, parse(file.read_text(encoding="utf-8"))) == []


async def test_the_editors_follow_the_dark_colour_scheme(graphiql: Workbench) -> None:
    editor = graphiql.page.locator("[aria-label='Operation Editor'] .monaco-editor").first
    await expect(editor).not_to_have_class(re.compile("vs-dark"))

    await graphiql.page.emulate_media(color_scheme="dark")
    await expect(editor).to_have_class(re.compile("vs-dark"))


async def test_the_graphiql_page_has_no_axe_violations(graphiql: Workbench, api: Api) -> None:
    await api.create_vpp(name="Seen by axe")
    import_id = await api.upload("NMI,DATE,EVENT_TYPE,ENERGY,TARIFF\n")

    async def faults() -> list[str]:
        # GraphiQL nests buttons in its tabs, which the console cannot change.
        return [fault for fault in await graphiql.axe_violations() if not fault.startswith("nested-interactive")]

    found = await faults()
    await graphiql.run("Vpps", "query Vpps { listVpps { items { name dailyFeeAud } } }")
    await expect(graphiql.result).to_contain_text('"listVpps"')
    await graphiql.show_table()
    await expect(graphiql.page.get_by_role("table", name="listVpps.items")).to_be_visible()
    await graphiql.press("Show History")
    await expect(graphiql.page.get_by_role("region", name="History")).to_be_visible()
    found += await faults()
    await graphiql.press("Examples")
    await expect(graphiql.page.get_by_role("menuitem", name="API keys")).to_be_visible()
    found += await faults()
    await graphiql.page.keyboard.press("Escape")
    await graphiql.run("Seen", f'subscription Seen {{ onImportProgress(id: "{import_id}") {{ status }} }}')
    await expect(graphiql.events).to_contain_text("1 event")
    await graphiql.select_credentials("Another API key", "da2-")
    await graphiql.press("Show Documentation Explorer")
    await expect(graphiql.page.get_by_role("link", name="Query", exact=True)).to_be_visible()
    found += await faults()

    assert found == []


async def test_at_320_px_every_control_is_visible_and_the_page_does_not_overflow(graphiql: Workbench, api: Api) -> None:
    await api.create_vpp(name="Seen at 320 px")
    await graphiql.page.set_viewport_size(NARROWEST)
    await graphiql.page.reload()
    await graphiql.run("Vpps", "query Vpps { listVpps { items { id name dailyFeeAud createdAt } } }")
    await expect(graphiql.result).to_contain_text('"listVpps"')
    await graphiql.show_table()
    await graphiql.select_credentials("Another API key", "da2-")

    for control in ("Examples", "Execute query", "New tab", "Show History", "CSV"):
        await expect(graphiql.page.get_by_role("button", name=control)).to_be_visible()
    await expect(graphiql.page.get_by_label("API key", exact=True)).to_be_in_viewport()
    assert await graphiql.overflows() == []
