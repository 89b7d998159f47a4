"""Signing in at an OIDC issuer in the browser: the authorisation code flow with PKCE."""

import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

import graph.auth.oidc
from graph.embedded.infrastructure import Infrastructure
from graph.embedded.servers import EmbeddedServers
from graph.web.server import Serving, serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import WAIT_S, Api
from tests.fixtures.console.browser import Console, open_tab
from tests.fixtures.issuer import LocalIssuer, local_issuer


@pytest_asyncio.fixture(scope="module")
async def issuer() -> AsyncIterator[LocalIssuer]:
    async with local_issuer() as issuer:
        yield issuer


@pytest_asyncio.fixture(scope="module")
async def served_with_oidc(servers: EmbeddedServers, database_url: str, issuer: LocalIssuer) -> AsyncIterator[Serving]:
    """Serve the console with an issuer, whose discovery document the page waits for, however slow the machine is."""
    infrastructure = Infrastructure(database_url, servers.object_store, bootstrap_api_key=None, embedded=False)
    settings = issuer.settings()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph.auth.oidc, "ORIGINS_TIMEOUT_S", WAIT_S)
        async with serving(
            infrastructure, host="127.0.0.1", port=0, any_port=True, worker=False, oidc=settings
        ) as served:
            yield served


@pytest.fixture
async def visitor(open_context: OpenContext, served_with_oidc: Serving) -> Console:
    return await open_tab(await open_context(), served_with_oidc.url)


async def sign_in(console: Console, email: str) -> None:
    await console.press("Sign in with your organisation")
    await console.press(f"Sign in as {email}")


async def test_signing_in_at_the_issuer_returns_to_the_requested_page(visitor: Console, issuer: LocalIssuer) -> None:
    issuer.next_claims(email="operator@example.com")
    await visitor.open("/imports", title="Sign in to vpp")

    await sign_in(visitor, "operator@example.com")

    await expect(visitor.title).to_have_text("Imports")
    await expect(visitor.page.get_by_text("operator@example.com Operator")).to_be_visible()
    await expect(visitor.page).to_have_url(f"{visitor.url}/imports")
    request = next(url for url in visitor.requested_urls if urlsplit(url).path == "/authorize")
    assert parse_qs(urlsplit(request).query)["code_challenge_method"] == ["S256"]
    assert visitor.console_errors == []


async def test_a_reload_keeps_the_session_within_the_tab(visitor: Console, issuer: LocalIssuer) -> None:
    issuer.next_claims(email="operator@example.com")
    await visitor.open("/", title="Sign in to vpp")
    await sign_in(visitor, "operator@example.com")
    await expect(visitor.title).to_have_text("Fleet")

    await visitor.page.reload()

    await expect(visitor.title).to_have_text("Fleet")
    assert await visitor.page.evaluate("localStorage.length") == 0
    await expect(visitor.page).to_have_url(f"{visitor.url}/")


async def test_a_member_from_the_issuer_sees_only_own_sites(visitor: Console, issuer: LocalIssuer, api: Api) -> None:
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
    await visitor.open("/", title="Sign in to vpp")

    await sign_in(visitor, "owner@example.com")

    await expect(visitor.title).to_have_text("My sites")
    await expect(visitor.page.get_by_text("1 Own Street")).to_be_visible()
    await expect(visitor.page.get_by_text("2 Other Street")).to_have_count(0)


async def test_a_user_without_a_role_sees_an_error(visitor: Console, issuer: LocalIssuer) -> None:
    nobody: dict[str, Any] = {"cognito:groups": []}
    issuer.next_claims(email="visitor@example.com", **nobody)
    await visitor.open("/", title="Sign in to vpp")

    await sign_in(visitor, "visitor@example.com")

    await expect(visitor.page.get_by_text("no group in its claim cognito:groups has a role")).to_be_visible()


async def test_an_expired_token_ends_the_session_and_keeps_the_draft(
    visitor: Console, issuer: LocalIssuer, api: Api
) -> None:
    """The user signs in again on the same page, and the form keeps its values."""
    issuer.next_claims(email="operator@example.com")
    expired = issuer.token(exp=int(time.time()) - 60)
    await visitor.open("/", title="Sign in to vpp")
    await sign_in(visitor, "operator@example.com")
    await visitor.press("Create a VPP")
    await visitor.dialog("Create a VPP").get_by_label("Name").fill("Typed before the end")

    async def with_expired(route: Route) -> None:
        await route.continue_(headers=await route.request.all_headers() | {"authorization": expired})

    await visitor.page.route("**/graphql", with_expired)
    await visitor.press("Create VPP")
    await expect(visitor.dialog("Your session has ended")).to_be_visible()
    await visitor.page.unroute("**/graphql")
    await sign_in(visitor, "operator@example.com")

    await expect(visitor.dialog("Create a VPP").get_by_label("Name")).to_have_value("Typed before the end")
    await visitor.press("Create VPP")
    await expect(visitor.dialog("Create a VPP")).to_be_hidden()
    created = await api.execute('query { getVppByName(name: "Typed before the end") { revenuePercentage } }')
    assert created == {"revenuePercentage": 20}
