"""Signing in at an OIDC issuer: the authorisation code flow with PKCE, in the browser."""

import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving, serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import Api
from tests.fixtures.console.browser import Console, open_tab
from tests.fixtures.issuer import LocalIssuer, local_issuer


@pytest_asyncio.fixture(scope="module")
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with local_issuer() as issuer:
        yield issuer


@pytest_asyncio.fixture(scope="module")
async def served_with_oidc(servers: EmbeddedServers, database_url: str, issuer: LocalIssuer) -> AsyncIterator[Serving]:
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=None, embedded=False)
    settings = issuer.settings()
    async with serving(infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False, oidc=settings) as served:
        yield served


@pytest.fixture
async def stranger(open_context: OpenContext, served_with_oidc: Serving) -> Console:
    return await open_tab(await open_context(), served_with_oidc.url)


async def sign_in(console: Console, email: str) -> None:
    await console.press("Sign in with your organisation")
    await console.press(f"Sign in as {email}")


async def test_who_signs_in_at_the_issuer_comes_back_to_the_page_they_asked_for(
    stranger: Console, issuer: LocalIssuer
) -> None:
    issuer.next_claims(email="operator@example.com")
    await stranger.open("/imports", title="Sign in to vpp")

    await sign_in(stranger, "operator@example.com")

    await expect(stranger.title).to_have_text("Imports")
    await expect(stranger.page.get_by_text("operator@example.com Operator")).to_be_visible()
    assert urlsplit(stranger.page.url).path == "/imports"
    asked = next(each for each in stranger.addresses if urlsplit(each).path == "/authorize")
    assert parse_qs(urlsplit(asked).query)["code_challenge_method"] == ["S256"]
    assert stranger.complaints == []


async def test_a_reload_finds_who_is_signed_in_and_nothing_is_kept_beyond_the_tab(
    stranger: Console, issuer: LocalIssuer
) -> None:
    issuer.next_claims(email="operator@example.com")
    await stranger.open("/", title="Sign in to vpp")
    await sign_in(stranger, "operator@example.com")
    await expect(stranger.title).to_have_text("Fleet")

    await stranger.page.reload()

    await expect(stranger.title).to_have_text("Fleet")
    assert await stranger.page.evaluate("localStorage.length") == 0
    assert "code=" not in stranger.page.url


async def test_a_member_of_an_issuer_sees_its_own_sites_alone(stranger: Console, issuer: LocalIssuer, api: Api) -> None:
    vpp = await api.execute('mutation { createVpp(input: {name: "With two sites", revenuePercentage: 20}) { id } }')
    own, _ = [
        await api.execute(
            "mutation ($input: CreateSiteInput!) { createSite(input: $input) { id } }",
            input={"vppId": vpp["id"], "nmi": nmi, "address": address},
        )
        for nmi, address in (("4000000001", "1 Own Street"), ("4000000002", "2 Other Street"))
    ]
    member: dict[str, Any] = {"cognito:groups": ["MEMBER"], "custom:site_ids": own["id"]}
    issuer.next_claims(email="owner@example.com", **member)
    await stranger.open("/", title="Sign in to vpp")

    await sign_in(stranger, "owner@example.com")

    await expect(stranger.title).to_have_text("My sites")
    await expect(stranger.page.get_by_text("1 Own Street")).to_be_visible()
    await expect(stranger.page.get_by_text("2 Other Street")).to_have_count(0)


async def test_somebody_without_a_role_is_told_so(stranger: Console, issuer: LocalIssuer) -> None:
    nobody: dict[str, Any] = {"cognito:groups": []}
    issuer.next_claims(email="visitor@example.com", **nobody)
    await stranger.open("/", title="Sign in to vpp")

    await sign_in(stranger, "visitor@example.com")

    await expect(stranger.page.get_by_text("none of the groups in its claim cognito:groups has one")).to_be_visible()


async def test_a_token_that_expires_ends_the_session_and_what_was_typed_is_there_after_signing_in_again(
    stranger: Console, issuer: LocalIssuer, api: Api
) -> None:
    """Console behaviour 23: an expired session returns to the same page, with the form kept."""
    issuer.next_claims(email="operator@example.com")
    expired = issuer.token(exp=int(time.time()) - 60)
    await stranger.open("/", title="Sign in to vpp")
    await sign_in(stranger, "operator@example.com")
    await stranger.press("Create a VPP")
    await stranger.dialog("Create a VPP").get_by_label("Name").fill("Typed before the end")

    async def with_expired(route: Route) -> None:
        await route.continue_(headers=await route.request.all_headers() | {"authorization": expired})

    await stranger.page.route("**/graphql", with_expired)
    await stranger.press("Create VPP")
    await expect(stranger.dialog("Your session has ended")).to_be_visible()
    await stranger.page.unroute("**/graphql")
    await sign_in(stranger, "operator@example.com")

    await expect(stranger.dialog("Create a VPP").get_by_label("Name")).to_have_value("Typed before the end")
    await stranger.press("Create VPP")
    await expect(stranger.dialog("Create a VPP")).to_be_hidden()
    created = await api.execute('query { getVppByName(name: "Typed before the end") { revenuePercentage } }')
    assert created == {"revenuePercentage": 20}
