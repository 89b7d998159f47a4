"""GraphiQL in a browser, served from the console's own files."""

import json
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Route, expect

from graph.web.server import Serving
from tests.console.conftest import OpenContext
from tests.fixtures.api import API_KEY, Api
from tests.fixtures.console.graphiql_page import GraphiQL, text_of

VPP_ID = "1f0c8f5e-6f0d-4a53-9d0b-3f0a5a4f7c11"
IMPORT_ID = "5b1de0a6-2f8e-4a4e-8a39-8d2f6c1b9e42"

CREATE_VPP = f"""
mutation CreateVpp {{
  createVpp(input: {{ id: "{VPP_ID}", name: "Seen in GraphiQL", revenuePercentage: 20, dailyFeeAud: 0.3 }}) {{
    name
    dailyFeeAud
  }}
}}
"""

LIST_VPPS = """
query NamedVpps {
  listVpps(filter: { nameContains: "GraphiQL" }) {
    items { name revenuePercentage }
    nextToken
  }
}
"""

CREATE_IMPORT = f"""
mutation CreateImport {{
  createImport(input: {{ id: "{IMPORT_ID}", kind: BATTERY_EVENTS, fileName: "september.csv" }}) {{
    import {{ status }}
  }}
}}
"""

IMPORT_PROGRESS = f"""
subscription ImportProgress {{
  onImportProgress(id: "{IMPORT_ID}") {{ fileName status }}
}}
"""

# GraphiQL stores its tabs half a second after a change.
TABS_STORED = """async (name) => {
  while (!localStorage.getItem("graphiql:tabState")?.includes(name)) await new Promise(requestAnimationFrame);
}"""

# Three injections: a script in the HTML, a script element added later, and an event handler attribute.
INJECTED = "<script>window.injected = 1</script>"
INJECT = """() => {
  const script = document.createElement("script");
  script.text = "window.injected = 2";
  document.body.append(script);
  document.body.insertAdjacentHTML("beforeend", '<img src="/static/nothing" onerror="window.injected = 3">');
  return new Promise((resolve) => document.body.lastChild.addEventListener("error", resolve));
}"""


@pytest.fixture
async def graphiql(open_context: OpenContext, api_server: Serving) -> GraphiQL:
    graphiql = GraphiQL(await (await open_context()).new_page(), api_server.url)
    await graphiql.page.goto(f"{api_server.url}/graphql")
    await expect(graphiql.headers).to_contain_text(API_KEY)
    return graphiql


async def test_query_mutation_and_subscription_run_without_external_hosts(
    graphiql: GraphiQL, api_server: Serving
) -> None:
    await graphiql.run("CreateVpp", CREATE_VPP)
    await expect(graphiql.result).to_contain_text('"createVpp": { "name": "Seen in GraphiQL", "dailyFeeAud": 0.3 }')

    await graphiql.run("NamedVpps", LIST_VPPS)
    await expect(graphiql.result).to_contain_text(
        '"items": [ { "name": "Seen in GraphiQL", "revenuePercentage": 20 } ]'
    )

    await graphiql.run("CreateImport", CREATE_IMPORT)
    await expect(graphiql.result).to_contain_text('"status": "AWAITING_UPLOAD"')

    await graphiql.run("ImportProgress", IMPORT_PROGRESS)
    await expect(graphiql.result).to_contain_text('"fileName": "september.csv", "status": "AWAITING_UPLOAD"')

    assert {urlsplit(address).netloc for address in graphiql.requested_urls} == {urlsplit(api_server.url).netloc}
    assert graphiql.console_errors == []


async def test_the_default_query_runs(graphiql: GraphiQL) -> None:
    await graphiql.page.get_by_role("button", name="Execute query").click()

    await expect(graphiql.result).to_contain_text('{ "data": { "listVpps": { "items": [')


async def test_headers_in_the_editor_are_sent_over_http_and_the_websocket(
    graphiql: GraphiQL, api_server: Serving
) -> None:
    changed = {"x-api-key": API_KEY, "x-changed": "yes"}
    await graphiql.run("CreateImport", CREATE_IMPORT)
    await graphiql.run("ImportProgress", IMPORT_PROGRESS)
    await expect(graphiql.result).to_contain_text('"fileName": "september.csv"')
    await graphiql.page.get_by_role("button", name="Stop query").click()

    await graphiql.write(graphiql.headers, json.dumps(changed))
    async with graphiql.page.expect_request("**/graphql") as request:
        await graphiql.run("NamedVpps", LIST_VPPS)
    await expect(graphiql.result).to_contain_text('"listVpps"')
    await graphiql.run("ImportProgress", IMPORT_PROGRESS)
    await expect(graphiql.result).to_contain_text('"fileName": "september.csv"')

    sent = await (await request.value).all_headers()
    assert {name: sent[name] for name in changed} == changed
    assert [message["payload"] for message in graphiql.websocket_messages("connection_init")] == [
        {"x-api-key": API_KEY},
        changed,
    ]


async def test_no_key_is_stored_and_a_new_key_replaces_the_old_one(graphiql: GraphiQL, served_api: Api) -> None:
    another = await served_api.create_key("READER")

    async def with_another_key(route: Route) -> None:
        if route.request.method != "GET":
            return await route.continue_()
        response = await route.fetch()
        body = (await response.text()).replace(API_KEY, another)
        return await route.fulfill(response=response, body=body)

    await graphiql.run("NamedVpps", LIST_VPPS)
    await expect(graphiql.result).to_contain_text('"listVpps"')
    await graphiql.page.evaluate(TABS_STORED, "NamedVpps")
    stored = await graphiql.stored_state()
    await graphiql.page.route("**/graphql", with_another_key)
    await graphiql.page.reload()

    assert API_KEY not in stored
    await expect(graphiql.page.get_by_role("tab", selected=True)).to_have_text("NamedVpps")
    await expect(graphiql.headers).to_contain_text(another)
    await graphiql.page.get_by_role("button", name="New tab").click()
    await expect(graphiql.headers).to_contain_text(another)


async def test_completion_and_the_schema_explorer_work_without_errors(graphiql: GraphiQL) -> None:
    # The explorer shows that the schema is loaded, without which the editor completes nothing.
    await graphiql.page.get_by_role("button", name="Show Documentation Explorer").click()
    await graphiql.page.get_by_role("link", name="Query", exact=True).click()
    await expect(graphiql.page.get_by_role("link", name="listVpps", exact=True)).to_be_visible()

    await graphiql.write(graphiql.operation, "{ listVp }")
    textbox = text_of(graphiql.operation)
    await textbox.press("ArrowLeft")
    await textbox.press("ArrowLeft")
    await textbox.press("ControlOrMeta+Space")
    await expect(graphiql.page.get_by_role("option", name="listVpps").first).to_be_visible()
    await textbox.press("Enter")
    await expect(graphiql.operation).to_contain_text("listVpps")

    assert graphiql.console_errors == []


async def test_an_injected_script_does_not_run(graphiql: GraphiQL, api_server: Serving) -> None:
    async def with_a_script(route: Route) -> None:
        if route.request.method != "GET":
            return await route.continue_()
        response = await route.fetch()
        return await route.fulfill(response=response, body=(await response.text()).replace("</head>", INJECTED))

    await graphiql.page.route("**/graphql", with_a_script)
    await graphiql.page.reload()
    await expect(graphiql.headers).to_contain_text(API_KEY)
    # The event of a violation is dispatched after the one that INJECT waits for.
    async with graphiql.page.expect_console_message(lambda message: message.text.startswith("script-src-attr ")):
        await graphiql.page.evaluate(INJECT)

    assert await graphiql.page.evaluate("window.injected") is None
    forbidden = [message for message in graphiql.console_errors if " forbids " in message]
    assert forbidden == [
        "script-src-elem forbids inline",
        "script-src-elem forbids inline",
        "script-src-attr forbids inline",
    ]
