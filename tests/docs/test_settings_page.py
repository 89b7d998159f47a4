"""The tables of docs/settings.md are those that graph/settings.py gives."""

import pytest
from pydantic_settings import BaseSettings

from tests.docs.settings_page import COMMAND, PAGE, renewed, settings_classes, variables
from tests.fixtures.markdown import read_page


def test_tables_of_the_page_are_up_to_date() -> None:
    page = read_page(PAGE)
    assert page == renewed(page), f"{PAGE} is out of date: run `{COMMAND}` and commit the page."


@pytest.mark.parametrize("settings", settings_classes())
def test_every_setting_is_described(settings: type[BaseSettings]) -> None:
    undescribed = [name for name, field in variables(settings).items() if not field.description]
    assert not undescribed, f"{', '.join(undescribed)}: give Field(description=...) in graph/settings.py."
