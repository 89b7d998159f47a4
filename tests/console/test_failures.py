"""Failures in the console: the messages, and the actions that the user can take."""

from playwright.async_api import Route, expect
from sqlalchemy import text

from db.engine.database import Database
from tests.fixtures.api import Api
from tests.fixtures.console.browser import Console

SERVER_ERROR = "Something went wrong on the server, and it is logged there. Trying again is safe."


async def test_a_mutation_whose_response_was_lost_can_be_repeated_without_a_duplicate(
    console: Console, api: Api
) -> None:

    async def lose_response(route: Route) -> None:
        await route.fetch()
        await route.abort("connectionreset")

    await console.open("/?do=create-vpp", title="Fleet")
    dialog = console.dialog("Create a VPP")
    await dialog.get_by_label("Name").fill("Made once")
    await console.page.route("**/graphql", lose_response, times=1)
    await console.press("Create VPP")
    await expect(dialog.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    assert await console.axe_violations() == []
    console.console_errors.clear()

    await console.press("Create VPP")

    await expect(dialog).to_be_hidden()
    made = await api.execute('query { listVpps(filter: {nameContains: "Made once"}) { items { name } } }')
    assert made == {"items": [{"name": "Made once"}]}


async def test_a_server_error_shows_a_message_the_request_id_and_a_retry_button(
    console: Console, api: Api, database: Database
) -> None:
    await api.create_vpp(name="There all along")
    async with database.transaction() as session:
        await session.execute(text("alter table vpps rename to elsewhere"))
    async with console.page.expect_response(
        lambda response: "listVpps" in (response.request.post_data or "")
    ) as answered:
        await console.open("/", title="Fleet")
    alert = console.page.get_by_role("alert")
    await expect(alert).to_contain_text(SERVER_ERROR)
    request_id = (await (await answered.value).all_headers())["x-amzn-requestid"]
    assert request_id
    await expect(alert.get_by_role("code")).to_have_text(f"{request_id}")
    assert await console.axe_violations() == []

    async with database.transaction() as session:
        await session.execute(text("alter table elsewhere rename to vpps"))
    await console.press("Try again")

    await expect(console.page.get_by_role("link", name="There all along")).to_be_visible()
    await expect(alert).to_have_count(0)


async def test_the_page_reports_a_lost_connection_and_refreshes_when_it_returns(console: Console, api: Api) -> None:
    banner = console.page.get_by_text("The server cannot be reached.")
    await console.open("/?do=create-vpp", title="Fleet")
    await console.dialog("Create a VPP").get_by_label("Name").fill("Typed while away")

    await console.page.context.set_offline(True)
    await expect(banner).to_be_visible()
    assert await console.axe_violations() == []
    await api.create_vpp(name="Made meanwhile")
    await console.page.context.set_offline(False)

    await expect(banner).to_have_count(0)
    await expect(console.dialog("Create a VPP").get_by_label("Name")).to_have_value("Typed while away")
    await console.press("Cancel")
    await expect(console.page.get_by_role("link", name="Made meanwhile")).to_be_visible()
    console.console_errors.clear()  # Requests that failed while offline.


async def test_a_form_draft_survives_a_reload_and_is_cleared_on_cancel(console: Console) -> None:
    await console.open("/?do=create-vpp", title="Fleet")
    name = console.dialog("Create a VPP").get_by_label("Name")
    await name.fill("Typed before a reload")

    await console.page.reload()

    await expect(name).to_have_value("Typed before a reload")
    await console.press("Cancel")
    await console.press("Create a VPP")
    await expect(name).to_have_value("")
