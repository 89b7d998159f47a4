"""What a person is told when something fails, and what they can do then."""

from playwright.async_api import Route, expect
from sqlalchemy import text

from db.engine.database import Database
from tests.fixtures.api import Api
from tests.fixtures.console.browser import Console

OUR_FAULT = "Something went wrong on the server, and it is logged there. Trying again is safe."


async def test_a_change_whose_answer_was_lost_is_told_and_sent_again_makes_nothing_twice(
    console: Console, api: Api
) -> None:
    """Console behaviour 24."""

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort("connectionreset")

    await console.open("/?do=create-vpp", title="Fleet")
    dialog = console.dialog("Create a VPP")
    await dialog.get_by_label("Name").fill("Made once")
    await console.page.route("**/graphql", lose, times=1)
    await console.press("Create VPP")
    await expect(dialog.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    assert await console.faults() == []
    console.complaints.clear()

    await console.press("Create VPP")

    await expect(dialog).to_be_hidden()
    made = await api.execute('query { listVpps(filter: {nameContains: "Made once"}) { items { name } } }')
    assert made == {"items": [{"name": "Made once"}]}


async def test_a_failure_on_our_side_shows_a_sentence_the_request_and_a_way_to_try_again(
    console: Console, api: Api, database: Database
) -> None:
    """Console behaviour 24."""
    await api.create_vpp(name="There all along")
    async with database.transaction() as session:
        await session.execute(text("alter table vpps rename to elsewhere"))
    async with console.page.expect_response(lambda each: "listVpps" in (each.request.post_data or "")) as answered:
        await console.open("/", title="Fleet")
    alert = console.page.get_by_role("alert")
    await expect(alert).to_contain_text(OUR_FAULT)
    request_id = (await (await answered.value).all_headers())["x-amzn-requestid"]
    assert request_id
    await expect(alert.get_by_role("code")).to_have_text(f"{request_id}")
    assert await console.faults() == []

    async with database.transaction() as session:
        await session.execute(text("alter table elsewhere rename to vpps"))
    await console.press("Try again")

    await expect(console.page.get_by_role("link", name="There all along")).to_be_visible()
    await expect(alert).to_have_count(0)


async def test_a_connection_that_is_cut_is_told_and_the_page_catches_up_by_itself(console: Console, api: Api) -> None:
    """Console behaviour 10."""
    banner = console.page.get_by_text("The server cannot be reached.")
    await console.open("/?do=create-vpp", title="Fleet")
    await console.dialog("Create a VPP").get_by_label("Name").fill("Typed while away")

    await console.page.context.set_offline(True)
    await expect(banner).to_be_visible()
    assert await console.faults() == []
    await api.create_vpp(name="Made meanwhile")
    await console.page.context.set_offline(False)

    await expect(banner).to_have_count(0)
    await expect(console.dialog("Create a VPP").get_by_label("Name")).to_have_value("Typed while away")
    await console.press("Cancel")
    await expect(console.page.get_by_role("link", name="Made meanwhile")).to_be_visible()
    console.complaints.clear()  # Of what could not be asked meanwhile.


async def test_what_was_typed_is_there_after_a_reload_and_gone_once_it_is_given_up(console: Console) -> None:
    await console.open("/?do=create-vpp", title="Fleet")
    name = console.dialog("Create a VPP").get_by_label("Name")
    await name.fill("Typed before a reload")

    await console.page.reload()

    await expect(name).to_have_value("Typed before a reload")
    await console.press("Cancel")
    await console.press("Create a VPP")
    await expect(name).to_have_value("")
