"""Signing in and out, and what a browser keeps of it."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import expect

from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving, serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import API_KEY, Api
from tests.fixtures.console.browser import Console, open_tab

UNKNOWN = "You are not authorized to make this call: the API key is unknown, expired or revoked."
REFUSED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"


@pytest_asyncio.fixture(scope="module")
async def served_to_strangers(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Serving]:
    """What is served where Postgres and S3 are not embedded: a page that holds no key."""
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=False)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False) as served:
        yield served


async def stranger(open_context: OpenContext, api_server: Serving) -> Console:
    console = await open_tab(await open_context(), api_server.url)
    await console.open("/", title="Sign in to vpp")
    return console


async def sign_in(console: Console, key: str) -> None:
    await console.page.get_by_label("API key").fill(key)
    await console.press("Sign in")


async def test_the_page_of_an_embedded_server_signs_in_by_itself(console: Console) -> None:
    await console.open("/", title="Fleet")

    await expect(console.page.get_by_text("bootstrap Administrator")).to_be_visible()


async def test_a_key_signs_in_and_is_kept_nowhere(
    open_context: OpenContext, served_to_strangers: Serving, api: Api
) -> None:
    """Console behaviour 23: neither storage, address, history nor the console's log ever has the key."""
    key = await api.create_key("OPERATOR")
    console = await stranger(open_context, served_to_strangers)
    told: list[str] = []
    console.page.on("console", lambda message: told.append(message.text))

    await sign_in(console, key)
    await expect(console.title).to_have_text("Fleet")
    await console.page.reload()
    await expect(console.title).to_have_text("Fleet")

    assert key not in await console.kept()
    assert not any(key in text for text in told)
    assert not any(key in address for address in console.addresses)
    assert console.complaints == []


async def test_a_key_that_is_refused_is_told_at_its_field(
    open_context: OpenContext, served_to_strangers: Serving
) -> None:
    console = await stranger(open_context, served_to_strangers)

    await sign_in(console, "da2-nobody-has-this-key")

    field = console.page.get_by_label("API key")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_accessible_description(UNKNOWN)
    assert await console.faults() == []
    assert console.complaints == [REFUSED]


async def test_another_tab_is_signed_in_too_and_signing_out_is_for_all(
    open_context: OpenContext, served_to_strangers: Serving, api: Api
) -> None:
    context = await open_context()
    first, second = [await open_tab(context, served_to_strangers.url) for _ in range(2)]
    await first.open("/", title="Sign in to vpp")
    await sign_in(first, await api.create_key("READER"))
    await expect(first.title).to_have_text("Fleet")

    await second.open("/reports", title="Reports")
    await second.press("Sign out")

    await expect(first.title).to_have_text("Sign in to vpp")
    assert await first.page.evaluate("sessionStorage.length") == 0


async def test_a_session_that_ended_goes_on_where_it_was_with_what_was_typed(
    open_context: OpenContext, served_to_strangers: Serving, api: Api
) -> None:
    """Console behaviour 23: an expired session returns to the same page, with the form kept."""
    key = await api.create_key("OPERATOR")
    console = await stranger(open_context, served_to_strangers)
    await sign_in(console, key)
    await console.press("Create a VPP")
    await console.dialog("Create a VPP").get_by_label("Name").fill("Typed before the end")
    (revoked,) = [
        each
        for each in (await api.execute("query { listApiKeys { items { id prefix } } }"))["items"]
        if key.startswith(each["prefix"])
    ]
    await api.execute("mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }", id=revoked["id"])

    await console.press("Create VPP")
    again = console.dialog("Your session has ended")
    await expect(again).to_be_visible()
    assert await console.faults() == []
    await again.get_by_label("API key").fill(await api.create_key("OPERATOR"))
    await again.get_by_role("button", name="Sign in").click()

    await expect(again).to_be_hidden()
    await expect(console.dialog("Create a VPP").get_by_label("Name")).to_have_value("Typed before the end")
    await console.press("Create VPP")
    await expect(console.dialog("Create a VPP")).to_be_hidden()
    assert await api.execute('query { getVppByName(name: "Typed before the end") { revenuePercentage } }') == {
        "revenuePercentage": 20
    }


async def test_the_page_to_sign_in_has_no_faults(open_context: OpenContext, served_to_strangers: Serving) -> None:
    """Console behaviours 3 and 5."""
    for scheme in ("light", "dark"):
        context = await open_context(color_scheme=scheme, viewport={"width": 320, "height": 640})
        console = await open_tab(context, served_to_strangers.url)
        await console.open("/", title="Sign in to vpp")

        assert await console.faults() == []
        assert await console.overflows() == []
