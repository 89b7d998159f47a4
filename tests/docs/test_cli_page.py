"""docs/cli.md names every command of `vpp` with its arguments and options, and no others."""

import re
from collections.abc import Iterator

import pytest
import typer.main
from typer.core import TyperGroup

from graph.commands.main import app
from graph.commands.script.instructions import SYNTAX
from tests.fixtures.markdown import headings, read_page, section

PAGE = "docs/cli.md"
TEXT = read_page(PAGE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# Every command has this option, so the page lists it only once.
HELP = "--help"


def commands(group: TyperGroup, path: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command below a group, with its visible options and its arguments (in capitals)."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", parameters(command)


def parameters(command: object) -> list[str]:
    names: list[str] = []
    for parameter in command.params:  # type: ignore[attr-defined]
        if parameter.param_type_name == "argument":
            names.append(parameter.name.upper())
        elif not parameter.hidden:
            names += [*parameter.opts, *parameter.secondary_opts]
    return names


ROOT_GROUP = typer.main.get_command(app)
assert isinstance(ROOT_GROUP, TyperGroup)
COMMANDS = dict(commands(ROOT_GROUP, "vpp"))


def test_page_has_a_section_for_each_command() -> None:
    sections = [heading for heading in headings(TEXT) if heading.startswith("vpp ")]
    assert sorted(sections) == sorted(COMMANDS), f"{PAGE} needs one section for each command, named like the command."


@pytest.mark.parametrize("command", COMMANDS)
def test_section_names_every_argument_and_option(command: str) -> None:
    text = section(TEXT, command)
    missing = [name for name in COMMANDS[command] if not re.search(rf"`{name}(?![\w-])", text)]
    assert not missing, f"{PAGE}, section {command}, lacks {', '.join(missing)}; add a row to its table."


@pytest.mark.parametrize("command", COMMANDS)
def test_table_has_only_options_that_exist(command: str) -> None:
    rows = "\n".join(row for row in section(TEXT, command).splitlines() if row.startswith("| `"))
    first_cells = re.findall(r"^\| ([^|]+) \|", rows, re.MULTILINE)
    named = {option for cell in first_cells for option in OPTION.findall(cell)}
    unknown = named - set(COMMANDS[command])
    assert not unknown, f"{PAGE}, section {command}, names {', '.join(sorted(unknown))}, which `{command}` has not."


def test_page_names_the_options_of_vpp_itself() -> None:
    named = set(OPTION.findall(TEXT[: TEXT.index("## vpp serve")]))
    assert set(parameters(ROOT_GROUP)) | {HELP} == named


def test_instructions_of_scripts_are_those_of_the_code() -> None:
    for syntax in SYNTAX:
        assert f"\n{syntax}\n" in section(TEXT, "vpp script"), f"{PAGE} lacks the instruction {syntax}."
