import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import strawberry
from graphql import parse, print_ast, print_schema

from graph.auth.callers import MEMBER
from graph.resolvers.permissions import MissingRole, RequiresRole
from graph.schema import Schema, appsync_sdl, schema

ROOT = Path(__file__).parents[1]
CONTRACT = ROOT.parent / "shared" / "schema.graphql"
# What is spoken beyond the contract, with the comments above it.
BEYOND = re.compile(
    r"(^# .+\n)*^(type|input) AuditEntry\w* \{(\n .*)*\n\}|(^  # .+\n)*^  listAuditEntries\(.+$", re.MULTILINE
)


def described(text: str) -> dict[str, str]:
    """Return what a client may rely on, each by its place: `Type.field`, `Type.field(argument)`, `Enum.VALUE`."""
    told: dict[str, str] = {}
    for kind in parse(text).definitions:
        name = getattr(kind, "name", None) and kind.name.value  # type: ignore[attr-defined]
        for field in getattr(kind, "fields", None) or ():
            place = f"{name}.{field.name.value}"
            told[place] = f"{kind.kind}: {typed(field)}"
            told |= {f"{place}({each.name.value})": typed(each) for each in getattr(field, "arguments", None) or ()}
            told |= {f"{place}@{each.name.value}": print_ast(each) for each in field.directives or ()}
        told |= {f"{name}.{value.name.value}": kind.kind for value in getattr(kind, "values", None) or ()}
    return told


def typed(thing: Any) -> str:
    """Return the type of a field or an argument, and its default if it has one."""
    default = getattr(thing, "default_value", None)
    return print_ast(thing.type) if default is None else f"{print_ast(thing.type)} = {print_ast(default)}"


def test_the_schema_that_is_committed_is_the_one_the_code_speaks() -> None:
    assert appsync_sdl() == (ROOT / "schema.graphql").read_text()


def test_the_schema_is_in_appsyncs_dialect() -> None:
    kinds = {definition.kind.removesuffix("_definition") for definition in parse(appsync_sdl()).definitions}

    assert kinds == {"schema", "object_type", "input_object_type", "enum_type"}
    assert '"""' not in appsync_sdl()
    assert set(re.findall(r"@\w+", appsync_sdl())) == {"@aws_subscribe"}


def test_the_printed_schema_is_the_one_that_answers() -> None:
    answering = described(print_schema(schema._schema))

    # What a directive of AppSync's says is for AppSync alone.
    assert {place: told for place, told in described(appsync_sdl()).items() if "@" not in place} == answering


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not beside this checkout")
def test_what_is_spoken_is_what_stands_in_the_contract() -> None:
    ours = described(BEYOND.sub("", appsync_sdl()))

    assert ours == described(CONTRACT.read_text())


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not beside this checkout")
def test_what_is_said_about_a_thing_is_what_the_contract_says() -> None:
    comments = re.findall(r"^ *# (.+)$", CONTRACT.read_text(), re.MULTILINE)

    assert sorted(re.findall(r"^ *# (.+)$", BEYOND.sub("", appsync_sdl()), re.MULTILINE)) == sorted(comments)


@strawberry.type
class DeclaredQuery:
    get_public: int = strawberry.field(extensions=[RequiresRole(MEMBER)])


@strawberry.type
class UndeclaredQuery(DeclaredQuery):
    @strawberry.field
    def get_secret(self) -> int:
        return 1


@strawberry.type
class UndeclaredMutation:
    @strawberry.mutation
    def delete_everything(self) -> int:
        return 1


@strawberry.type
class UndeclaredSubscription:
    @strawberry.subscription
    async def on_secret(self) -> AsyncGenerator[int, None]:
        yield 1


@pytest.mark.parametrize(
    ("roots", "field"),
    [
        ({"query": UndeclaredQuery}, "UndeclaredQuery.getSecret"),
        ({"query": DeclaredQuery, "mutation": UndeclaredMutation}, "UndeclaredMutation.deleteEverything"),
        ({"query": DeclaredQuery, "subscription": UndeclaredSubscription}, "UndeclaredSubscription.onSecret"),
    ],
)
def test_schema_with_a_root_field_without_a_role_cannot_be_built(roots: dict[str, Any], field: str) -> None:
    with pytest.raises(MissingRole) as error:
        Schema(**roots)

    assert str(error.value) == (
        f"{field} declares no role. Add extensions=[RequiresRole(role)] with the lowest role that may use the field:"
        " MEMBER, READER, OPERATOR or ADMIN. RequiresRole(MEMBER) opens it to every caller."
    )


def test_error_names_every_root_field_without_a_role() -> None:
    with pytest.raises(MissingRole) as error:
        Schema(query=UndeclaredQuery, mutation=UndeclaredMutation)

    assert str(error.value).startswith(
        "UndeclaredQuery.getSecret, UndeclaredMutation.deleteEverything declare no role. "
    )


def test_schema_whose_root_fields_all_declare_a_role_can_be_built() -> None:
    assert "getPublic: Int!" in print_schema(Schema(query=DeclaredQuery)._schema)
