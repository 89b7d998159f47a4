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
# The API that clients rely on, without comments. Changing it is a change for clients; changing a description is not.
CONTRACT = ROOT / "tests" / "fixtures" / "contract.graphql"


def signatures(sdl: str) -> dict[str, str]:
    """Return the type and default of each field, argument, directive and enum value of a schema, by its path."""
    found: dict[str, str] = {}
    for definition in parse(sdl).definitions:
        type_name = getattr(definition, "name", None) and definition.name.value  # type: ignore[attr-defined]
        for field in getattr(definition, "fields", None) or ():
            path = f"{type_name}.{field.name.value}"
            arguments, directives = getattr(field, "arguments", None) or (), field.directives or ()
            found[path] = f"{definition.kind}: {type_and_default(field)}"
            found |= {f"{path}({argument.name.value})": type_and_default(argument) for argument in arguments}
            found |= {f"{path}@{directive.name.value}": print_ast(directive) for directive in directives}
        for value in getattr(definition, "values", None) or ():
            found[f"{type_name}.{value.name.value}"] = definition.kind
    return found


def type_and_default(node: Any) -> str:
    """Return the type of a field or an argument, and its default if it has one."""
    default = getattr(node, "default_value", None)
    return print_ast(node.type) if default is None else f"{print_ast(node.type)} = {print_ast(default)}"


def without_comments(sdl: str) -> str:
    return re.sub(r"^ *#.*\n", "", sdl, flags=re.MULTILINE).lstrip()


def test_committed_schema_is_the_one_that_the_code_prints() -> None:
    assert appsync_sdl() == (ROOT / "schema.graphql").read_text()


def test_printed_schema_is_in_appsyncs_dialect() -> None:
    kinds = {definition.kind.removesuffix("_definition") for definition in parse(appsync_sdl()).definitions}

    assert kinds == {"schema", "object_type", "input_object_type", "enum_type"}
    assert '"""' not in appsync_sdl()
    assert set(re.findall(r"@\w+", appsync_sdl())) == {"@aws_subscribe"}


def test_printed_schema_has_the_fields_types_and_defaults_of_the_executable_schema() -> None:
    executable = signatures(print_schema(schema._schema))

    # Only AppSync executes its directives, so the executable schema does not have them.
    assert {path: type_ for path, type_ in signatures(appsync_sdl()).items() if "@" not in path} == executable


def test_printed_schema_has_the_names_types_and_order_of_the_contract() -> None:
    assert without_comments(appsync_sdl()) == CONTRACT.read_text()


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
