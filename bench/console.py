"""
Measure the Core Web Vitals of the console in Chromium, with an empty cache and the CPU slowed down four times: Largest
Contentful Paint (LCP), Cumulative Layout Shift (CLS) and Interaction to Next Paint (INP).

Sources: web.dev's Web Vitals for the thresholds at the 75th percentile; the Event Timing API for interactions.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import asyncpg
import httpx
from playwright.async_api import Browser, Page, ViewportSize
from playwright.async_api import TimeoutError as PlaywrightTimeout
from rich.progress import track

import db.migrations
from bench.graphql.tables import console, new_table, print_paragraph
from bench.imports import add_sites, run_import, upload, write_events
from bench.processes import API_KEY, api, worker
from graph.embedded.servers import EmbeddedServers, embedded_servers
from graph.object_store import open_object_store
from tests.fixtures.chromium import running_chromium

CPU_SLOWDOWN = 4
LCP_MS, CLS, INP_MS, FIRST_PAGE_MS = 2500, 0.1, 200, 500
EVENTS = 50_000
MONTH = "2025-09"
# PerformanceObserver entries arrive a little after the paint, so wait this long before reading them.
ENTRIES_DELAY_MS = 1000
TARGET_TIMEOUT_MS = 5000
WINDOW: ViewportSize = {"width": 1280, "height": 850}

OBSERVE = """
window.metrics = { lcp: 0, cls: 0, interactions: [] };
const observe = (type, each, options = {}) =>
  new PerformanceObserver((list) => list.getEntries().forEach(each)).observe({ type, buffered: true, ...options });
observe("largest-contentful-paint", ({ startTime }) => (metrics.lcp = startTime));
observe("layout-shift", ({ hadRecentInput, value }) => (metrics.cls += hadRecentInput ? 0 : value));
observe("event", ({ interactionId, duration }) => interactionId && metrics.interactions.push(duration), {
  durationThreshold: 16,
});
"""
# A VPP with the 10,000 sites of the imported events and a report; a VPP with 100,000 sites; and a park.
FILL = """
    insert into vpps (id, name) values (gen_random_uuid(), 'Ten thousand'), (gen_random_uuid(), 'A hundred thousand');

    insert into price_schedules (vpp_id, effective, revenue_percentage, daily_fee_aud)
    select id, '(,)', 20, 0.3 from vpps;

    insert into sites (id, nmi, address)
    select gen_random_uuid(), '7' || to_char(number, 'FM000000000'), number || ' King St Newcastle West NSW 2302'
    from generate_series(1, 100000) number;

    insert into memberships (site_id, effective, vpp_id)
    select sites.id, '(,)', vpps.id
    from sites
    join vpps on name = case left(nmi, 1) when '6' then 'Ten thousand' else 'A hundred thousand' end;

    insert into batteries (id, site_id, manufacturer, serial, installed)
    select gen_random_uuid(), id, 'Tesla', nmi, '(,)' from sites;

    insert into battery_capacities (battery_id, effective, capacity_kwh)
    select id, '(,)', 13.5 from batteries;

    insert into parks (id, name, timezone, energy_type)
    values (gen_random_uuid(), 'Bemmel', 'Europe/Amsterdam', 'WIND');

    analyze;
"""


@dataclass(frozen=True)
class Interaction:
    """An interaction on a page: a click on the selected element, or a key pressed in it."""

    name: str
    selector: str
    key: str | None = None


@dataclass(frozen=True)
class BenchPage:
    """A page to measure, with its interactions."""

    name: str
    path: str
    interactions: Sequence[Interaction] = ()


# The page's main action.
DIALOG = ".page .button.primary >> nth=0"


def button(name: str) -> str:
    return f"role=button[name='{name}'] >> nth=0"


def field(name: str) -> str:
    return f"role=searchbox[name='{name}']"


def pages(ids: dict[str, str]) -> Sequence[BenchPage]:
    """Return the pages to measure."""
    ten_thousand = ids["Ten thousand"]
    return (
        BenchPage(
            "fleet",
            "/",
            (
                Interaction("open a dialog", button("Create a VPP")),
                Interaction("sort", button("Name")),
                Interaction("filter", field("Find a VPP by name"), key="t"),
            ),
        ),
        BenchPage(
            "VPP of 100,000 sites",
            f"/vpps/{ids['A hundred thousand']}",
            (
                Interaction("open a dialog", button("Change terms")),
                Interaction("sort", button("NMI")),
                Interaction("filter", field("Find by address"), key="7"),
            ),
        ),
        BenchPage("site", f"/sites/{ids['site']}", (Interaction("open a dialog", button("Edit")),)),
        BenchPage("imports", "/imports", (Interaction("open a list", ".select >> nth=0"),)),
        BenchPage("import", f"/imports/{ids['import']}"),
        BenchPage("reports", "/reports", (Interaction("choose a month", button("Previous month")),)),
        BenchPage(
            "report of 10,000 line items",
            f"/reports/{ten_thousand}/{MONTH}",
            (
                Interaction("sort 10,000 line items", button("Revenue")),
                Interaction("filter 10,000 line items", field("Find by NMI or address"), key="7"),
                Interaction("open a dialog", "td .opens >> nth=0"),
            ),
        ),
        BenchPage("parks", "/parks", (Interaction("open a dialog", DIALOG),)),
        BenchPage("access", "/access", (Interaction("open a dialog", DIALOG),)),
        BenchPage("GraphiQL", "/graphql", (Interaction("open a menu", button("Examples")),)),
    )


async def run(rounds: int) -> None:
    """Measure every page `rounds` times, and print the results."""
    with tempfile.TemporaryDirectory(prefix="vpp-bench-") as folder:
        async with embedded_servers(Path(folder) / "data") as servers:
            await asyncio.to_thread(db.migrations.upgrade, servers.database_url)
            async with worker(servers) as pid, api(servers) as (url, _):
                ids = await _fill(servers, Path(folder), pid)
                async with httpx.AsyncClient(base_url=url, headers={"x-api-key": API_KEY}, timeout=60) as client:
                    await _settle(client, ids["Ten thousand"])
                    secret = await _key(client)
                    async with running_chromium() as browser:
                        await _measure(browser, client, secret, pages(ids), rounds)


async def _measure(
    browser: Browser, client: httpx.AsyncClient, secret: str, bench_pages: Sequence[BenchPage], rounds: int
) -> None:
    loads: dict[str, list[tuple[float, float]]] = {}
    interactions: dict[tuple[str, str], list[float]] = {}
    first_pages_ms: list[float] = []
    for _ in track(range(rounds), "Opening every page", console=console, transient=True):
        for page in bench_pages:
            token = await _token(client, secret)
            context = await browser.new_context(viewport=WINDOW, locale="en-AU", timezone_id="Australia/Sydney")
            await context.add_init_script(f"sessionStorage.setItem('vpp-token', '{token}');{OBSERVE}")
            tab = await context.new_page()
            cdp = await context.new_cdp_session(tab)
            await cdp.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
            tab.on(
                "requestfinished",
                lambda request: (
                    first_pages_ms.append(request.timing["responseEnd"]) if _is_first_page(request.post_data) else None
                ),
            )
            loads.setdefault(page.name, []).append(await _load(tab, str(client.base_url).rstrip("/") + page.path))
            for interaction in page.interactions:
                duration_ms = await _interact(tab, interaction)
                if duration_ms is not None:
                    interactions.setdefault((page.name, interaction.name), []).append(duration_ms)
            await context.close()
    _print_results(rounds, loads, interactions, first_pages_ms)


async def _load(tab: Page, url: str) -> tuple[float, float]:
    """Open a page, and return its LCP in milliseconds and its CLS."""
    await tab.goto(url)
    await tab.get_by_role("heading", level=1).wait_for()
    await tab.wait_for_load_state("networkidle")
    await tab.wait_for_timeout(ENTRIES_DELAY_MS)
    metrics: Any = await tab.evaluate("metrics")
    return metrics["lcp"], metrics["cls"]


async def _interact(tab: Page, interaction: Interaction) -> float | None:
    """Run an interaction, and return the milliseconds until the next paint; None if its element is missing."""
    target = tab.locator(interaction.selector)
    try:
        await target.wait_for(timeout=TARGET_TIMEOUT_MS)
    except PlaywrightTimeout:
        return None
    await tab.evaluate("metrics.interactions = []")
    await (target.click() if interaction.key is None else target.press(interaction.key))
    await tab.wait_for_timeout(ENTRIES_DELAY_MS)
    interactions: Any = await tab.evaluate("metrics.interactions")
    await tab.keyboard.press("Escape")
    await tab.wait_for_timeout(ENTRIES_DELAY_MS)
    # Event Timing reports no interaction below the 16 ms of one frame (`durationThreshold`).
    return max(interactions, default=16)


def _is_first_page(body: str | None) -> bool:
    return body is not None and "query ListSites(" in body and '"nextToken":null' in body


def _print_results(
    rounds: int,
    loads: dict[str, list[tuple[float, float]]],
    interactions: dict[tuple[str, str], list[float]],
    first_pages_ms: list[float],
) -> None:
    table = new_table("page", "LCP, ms", "CLS", names=1)
    for name, measured in loads.items():
        lcp, cls = (p75([values[index] for values in measured]) for index in (0, 1))
        table.add_row(name, _format_result(lcp, LCP_MS, ",.0f"), _format_result(cls, CLS, ".3f"))
    print_paragraph(
        f"{rounds} loads of every page, with an empty cache and the CPU {CPU_SLOWDOWN}x slower; 75th percentiles."
    )
    console.print(table)
    table = new_table("page", "interaction", "INP, ms", names=2)
    for (name, interaction), durations_ms in interactions.items():
        table.add_row(name, interaction, _format_result(p75(durations_ms), INP_MS, ",.0f"))
    console.print()
    console.print(table)
    first = _format_result(p75(first_pages_ms), FIRST_PAGE_MS, ",.0f")
    print_paragraph(f"The first page of a list of 100,000 sites, from the request to the last byte: {first} ms.")


def p75(figures: Sequence[float]) -> float:
    return quantiles(figures, n=4, method="inclusive")[2] if len(figures) > 1 else figures[0]


def _format_result(figure: float, budget: float, form: str) -> str:
    return f"{figure:{form}}" + (f" (over {budget:g})" if figure > budget else "")


async def _fill(servers: EmbeddedServers, folder: Path, worker_pid: int) -> dict[str, str]:
    """Fill the database, and return the ids of the objects that the pages show."""
    await add_sites(servers)
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute(FILL)
    file = folder / "events.csv"
    write_events(file, EVENTS, seed=3)
    async with open_object_store(servers.object_store) as s3:
        id = await upload(s3, file)
        await run_import(servers, s3, id, worker_pid)
    vpps = {row["name"]: str(row["id"]) for row in await connection.fetch("select id, name from vpps")}
    site = await connection.fetchval("select id from sites where nmi = '6000000000'")
    await connection.close()
    return vpps | {"site": str(site), "import": str(id)}


async def _settle(client: httpx.AsyncClient, vpp_id: str) -> None:
    month = f'{{ vppId: "{vpp_id}", month: "{MONTH}" }}'
    report = await _ask(client, f"mutation {{ generateRevenueReport(input: {month}) {{ id status }} }}")
    while report["status"] == "PENDING":
        await asyncio.sleep(0.5)
        report = await _ask(client, f'{{ getRevenueReport(id: "{report["id"]}") {{ id status }} }}')


async def _key(client: httpx.AsyncClient) -> str:
    created = await _ask(client, 'mutation { createApiKey(input: { name: "Console", role: ADMIN }) { secret } }')
    return str(created["secret"])


async def _token(client: httpx.AsyncClient, secret: str) -> str:
    """Return a token for a key, as a signed-in tab stores it."""
    form = {"grant_type": "client_credentials", "client_id": secret[:12], "client_secret": secret}
    response = await client.post("/oauth/token", data=form)
    return str(response.raise_for_status().json()["access_token"])


async def _ask(client: httpx.AsyncClient, document: str) -> Any:
    answer = (await client.post("/graphql", json={"query": document})).json()
    (field,) = answer["data"].values()
    return field
