"""The conventions in docs/api/README.md hold for the schema."""

from graphql import GraphQLInputObjectType, GraphQLObjectType, is_non_null_type

from graph.schema import schema
from tests.fixtures.markdown import read_page

TYPES = schema._schema.type_map


def test_every_field_that_an_update_changes_always_has_a_value() -> None:
    """So no client needs to clear one, and null can mean that a field keeps its value."""
    updates = {name: type_ for name, type_ in TYPES.items() if name.startswith("Update")}
    nullable = set()
    for name, update in updates.items():
        changed = TYPES[name.removeprefix("Update").removesuffix("Input")]
        assert isinstance(update, GraphQLInputObjectType)
        assert isinstance(changed, GraphQLObjectType)
        for field in update.fields.keys() - {"effectiveFrom", "forAllTime"}:
            if not is_non_null_type(changed.fields[field].type):
                nullable.add(f"{changed.name}.{field}")

    assert updates.keys() == {
        *("UpdateVppInput", "UpdateSiteInput", "UpdateBatteryInput", "UpdateParkInput", "UpdateImportInput")
    }
    assert nullable == set(), "How does a client clear it? Say so in docs/api/README.md, under Conventions."
    assert "No field can be cleared" in read_page("docs/api/README.md")
