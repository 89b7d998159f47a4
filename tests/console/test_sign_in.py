"""Signing in and out, and what the browser stores."""

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
async def server_without_page_key(servers: EmbeddedServers, database_url: str) -> AsyncIterator[Serving]:
    """Serve the console as with an external Postgres and S3: its page contains no API key."""
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=API_KEY, embedded=False)
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False) as served:
        yield served


async def open_signed_out(open_context: OpenContext, api_server: Serving) -> Console:
    console = await open_tab(await open_context(), api_server.url)
    await console.open("/", title="Sign in to vpp")
    return console


async def sign_in(console: Console, key: str) -> None:
    await console.page.get_by_label("API key").fill(key)
    await console.press("Sign in")


async def test_the_page_of_an_embedded_server_signs_in_automatically(console: Console) -> None:
    await console.open("/", title="Fleet")

    await expect(console.page.get_by_text("bootstrap Administrator")).to_be_visible()


async def test_a_key_signs_in_and_is_stored_nowhere(
    open_context: OpenContext, server_without_page_key: Serving, api: Api
) -> None:
    """Storage, URLs, history and the console log never contain the key."""
    key = await api.create_key("OPERATOR")
    console = await open_signed_out(open_context, server_without_page_key)
    messages: list[str] = []
    console.page.on("console", lambda message: messages.append(message.text))

    await sign_in(console, key)
    await expect(console.title).to_have_text("Fleet")
    await console.page.reload()
    await expect(console.title).to_have_text("Fleet")

    assert key not in await console.stored_state()
    assert not any(key in text for text in messages)
    assert not any(key in url for url in console.requested_urls)
    assert console.console_errors == []


async def test_a_rejected_key_shows_the_error_at_its_field(
    open_context: OpenContext, server_without_page_key: Serving
) -> None:
    console = await open_signed_out(open_context, server_without_page_key)

    await sign_in(console, "da2-nobody-has-this-key")

    field = console.page.get_by_label("API key")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_accessible_description(UNKNOWN)
    assert await console.axe_violations() == []
    assert console.console_errors == [REFUSED]


async def test_sign_in_and_sign_out_apply_to_all_tabs(
    open_context: OpenContext, server_without_page_key: Serving, api: Api
) -> None:
    context = await open_context()
    first, second = [await open_tab(context, server_without_page_key.url) for _ in range(2)]
    await first.open("/", title="Sign in to vpp")
    await sign_in(first, await api.create_key("READER"))
    await expect(first.title).to_have_text("Fleet")

    await second.open("/reports", title="Reports")
    await second.press("Sign out")

    await expect(first.title).to_have_text("Sign in to vpp")
    assert await first.page.evaluate("sessionStorage.length") == 0


async def test_an_expired_session_continues_on_the_same_page_with_its_draft(
    open_context: OpenContext, server_without_page_key: Serving, api: Api
) -> None:
    """The user signs in again on the same page, and the form keeps its values."""
    key = await api.create_key("OPERATOR")
    console = await open_signed_out(open_context, server_without_page_key)
    await sign_in(console, key)
    await console.press("Create a VPP")
    await console.dialog("Create a VPP").get_by_label("Name").fill("Typed before the end")
    (revoked,) = [
        api_key
        for api_key in (await api.execute("query { listApiKeys { items { id prefix } } }"))["items"]
        if key.startswith(api_key["prefix"])
    ]
    await api.execute("mutation ($id: ID!) { revokeApiKey(input: {id: $id}) { id } }", id=revoked["id"])

    await console.press("Create VPP")
    again = console.dialog("Your session has ended")
    await expect(again).to_be_visible()
    assert await console.axe_violations() == []
    await again.get_by_label("API key").fill(await api.create_key("OPERATOR"))
    await again.get_by_role("button", name="Sign in").click()

    await expect(again).to_be_hidden()
    await expect(console.dialog("Create a VPP").get_by_label("Name")).to_have_value("Typed before the end")
    await console.press("Create VPP")
    await expect(console.dialog("Create a VPP")).to_be_hidden()
    assert await api.execute('query { getVppByName(name: "Typed before the end") { revenuePercentage } }') == {
        "revenuePercentage": 20
    }


async def test_the_sign_in_page_has_no_axe_violations_and_fits_a_narrow_window(
    open_context: OpenContext, server_without_page_key: Serving
) -> None:
    for scheme in ("light", "dark"):
        context = await open_context(color_scheme=scheme, viewport={"width": 320, "height": 640})
        console = await open_tab(context, server_without_page_key.url)
        await console.open("/", title="Sign in to vpp")

        assert await console.axe_violations() == []
        assert await console.overflows() == []
