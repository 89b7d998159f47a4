"""VPPs, sites and batteries, and what a day from which something holds means."""

from playwright.async_api import expect

from tests.api import Api
from tests.console.browser import Console


async def test_a_vpp_is_created_and_found_again(console: Console, api: Api) -> None:
    await console.open("/", title="Fleet")
    await console.press("Create a VPP")
    dialog = console.dialog("Create a VPP")
    await dialog.get_by_label("Name").fill("Harbour")
    await dialog.get_by_label("Daily fee").fill("0.30")
    await console.press("Create VPP")
    await expect(dialog).to_be_hidden()

    (created,) = (await api.ask("query { listVpps { items { name revenuePercentage dailyFeeAud } } }"))["items"]
    assert created == {"name": "Harbour", "revenuePercentage": 20, "dailyFeeAud": 0.3}
