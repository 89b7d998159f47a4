"""
Compiles a GraphQL operation to a plan: SQL statements, and a Python function that runs them and builds the response.

The document becomes a tree of `Selection` objects. A selection belongs to the rows of one statement, and knows which
columns of them it needs. From the tree the compiler writes the source of a Python function, which runs the statements
level by level (each statement once for all parent objects) and builds the response from the innermost object outwards,
in dict displays. For

    { listSites { items { nmi vpp { name } } } }

the function is

    async def plan(run, values):
        page1 = await run.page(query1, arguments1(values), projection1, 'listSites', None)
        rows1 = page1.rows
        rows2 = await run.related(query2, arguments2(values), projection2, [row1[1] for row1 in rows1])
        by_key2 = {row2[-1]: {'name': row2[0]} for row2 in rows2}
        return {'listSites': {'items': [{'nmi': row1[0], 'vpp': by_key2.get(row1[1])} for row1 in page1.rows]}}

where `run` is a `QueryRun` or a `MutationRun` (`graph/plans/run.py`), `values` are the variable values, and the
numbered names are globals of the function. `vpp explain FILE` prints the statements and the function for a document.

Fields declare their statements and columns (`graph/resolvers/fields.py`). A field that declares none, or
that the caller's role may not read, raises NoPlan; Strawberry then runs the operation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import EnumType
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    is_enum_type,
    is_leaf_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues
from sqlalchemy import BigInteger, Boolean, Date, DateTime, Float, Integer, Numeric, String, Uuid
from sqlalchemy.types import TypeEngine
from strawberry.types.field import StrawberryField

from graph.operations.documents import Document
from graph.operations.operation import NoPlan
from graph.plans.arguments import ArgumentBuilder, compile_arguments, nullable
from graph.resolvers.fields import (
    EMBEDDED_OBJECT,
    FIELD_QUERY,
    OBJECT_LIST,
    ColumnField,
    EmbeddedObject,
    RowType,
    column_field_of,
    row_type,
)
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import Column, FieldQuery, Projection

# Returns the response's `data`, given a QueryRun or MutationRun and the variable values.
Plan: TypeAlias = Callable[[Any, VariableValues], Any]

TEXT, FLOAT = String(), Float(53)
# The SQL types to which Postgres casts columns, so that Python need not convert their values for a GraphQL type; None
# where the value that asyncpg returns is serialized as it is.
CASTS: Mapping[tuple[type[TypeEngine[Any]], str], TypeEngine[Any] | None] = {
    (Uuid, "ID"): TEXT,
    (Numeric, "Float"): FLOAT,
    (BigInteger, "Float"): FLOAT,
    (Numeric, "String"): TEXT,
    (String, "String"): None,
    (String, "AWSJSON"): None,
    (Integer, "Int"): None,
    (Boolean, "Boolean"): None,
    # orjson serializes a date as GraphQL does.
    (Date, "AWSDate"): None,
}


@dataclass
class Selection:
    """The selected fields of an object, and the columns that they need of its row."""

    number: int
    # The selected columns with their indexes in the row.
    columns: dict[Column, int] = field(default_factory=dict)
    # By the response names of fields: a Python expression, a separate read, or an object embedded in the same row.
    fields: dict[str, "str | FieldRead | Selection"] = field(default_factory=dict)
    # The condition on which an embedded object exists, as a Python expression; None for other objects.
    exists: str | None = None

    @property
    def row(self) -> str:
        """The name of the variable that holds the row."""
        return f"row{self.number}"

    def column(self, name: str, cast_to: TypeEngine[Any] | None = None) -> str:
        """Add a column to the statement, unless it is there, and return the Python expression of its value."""
        index = self.columns.setdefault(Column(name, cast_to), len(self.columns))
        return f"{self.row}[{index}]"


@dataclass
class FieldRead:
    """A field that is read by its own statement: a root field, or a field of parent objects with the given keys."""

    # Such as `Site.vpp`.
    path: str
    query: FieldQuery
    arguments: ArgumentBuilder
    selection: Selection
    # The Python expression of the parent object's key; empty for a root field.
    parent_key: str = ""
    is_nullable: bool = True
    # For a paged list: its fields ("items", "nextToken", or the type's name for __typename) by their response names.
    page_fields: dict[str, str] | None = None
    # For a paged list: the first part of its `list_identity`.
    list_name: str = ""
    # For a scalar field: the Python expression of its value.
    value: str = ""


class PlannedRead(NamedTuple):
    """A call of the plan to a method of QueryRun, with its arguments, as `vpp explain` shows it."""

    path: str
    method: str
    query: FieldQuery
    arguments: ArgumentBuilder
    projection: Projection
    # For a paged list: its name, and the indexes of its ordering columns if nextToken is selected.
    page: tuple[str, tuple[int, ...] | None] | None
    # Whether the statement may read the field of several parent objects.
    has_many_parents: bool


class PlanCompiler:
    """
    Compiles the plan of one operation for callers of one role.

    `values` are valid variable values, which decide @skip and @include. The plan is valid for all values that include
    the same fields.
    """

    def __init__(
        self, schema: Any, document: Document, operation: OperationDefinitionNode, values: VariableValues
    ) -> None:
        assert document.node is not None  # noqa: S101
        self._strawberry_schema = schema
        self._schema: GraphQLSchema = schema._schema
        self._operation = operation
        self._fragments = {
            node.name.value: FragmentDetails(node)
            for node in document.node.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._values = values
        self._globals: dict[str, Any] = {}
        self._lines: list[str] = []
        self._count = 0
        # The plan's reads in their order, and its Python source.
        self.reads: list[PlannedRead] = []
        self.source = ""

    def compile(self, role: str) -> Plan:
        """Return the plan. Raises NoPlan."""
        self._role = role
        root = self._schema.get_root_type(self._operation.operation)
        assert root is not None  # noqa: S101
        compile_field = self._mutation if self._operation.operation is OperationType.MUTATION else self._query
        collected = collect_fields(self._schema, self._fragments, self._values, root, self._operation)
        data = {}
        for key, details in collected.grouped_field_set.items():
            name = details[0].node.name.value
            data[key] = repr(root.name) if name == "__typename" else compile_field(root, name, key, details)
        self._lines.append(f"return {_dict_display(data)}")
        self.source = "async def plan(run, values):\n" + "".join(f"    {line}\n" for line in self._lines)
        # The source holds the compiler's own names and column indexes; names from the document only as string literals.
        exec(compile(self.source, "<plan>", "exec"), self._globals)  # noqa: S102
        plan: Plan = self._globals["plan"]
        return plan

    def _mutation(self, root: GraphQLObjectType, name: str, key: str, details: Any) -> str:
        """Return the expression that runs a mutation's resolver and serializes the object that it returns."""
        field = root.fields[name]
        declared, result_type = self._declared(root, name), field.type
        if not isinstance(result_type, GraphQLObjectType) or declared.base_resolver is None:
            raise NoPlan(f"{root.name}.{name} does not return a nullable object")
        result = {}
        for result_key, result_details in self._subfields(result_type, details).items():
            result_name = result_details[0].node.name.value
            if result_name == "__typename":
                result[result_key] = repr(result_type.name)
                continue
            result_field = self._declared(result_type, result_name)
            named = nullable(result_type.fields[result_name].type)
            if result_field.base_resolver is not None or not is_leaf_type(named):
                raise NoPlan(
                    f"{result_type.name}.{result_name} is more than a column of the object that {name} returns"
                )
            serialize = _serializer(None, named.serialize)
            result[result_key] = self._call("serialize", serialize, f"result.{result_field.python_name}")
        resolve = self._global("resolve", declared.base_resolver.wrapped_func)
        # The arguments of all mutations are built before the first mutation runs: an error in them leaves the whole
        # operation to Strawberry, which is possible only while nothing is changed.
        self._count += 1
        arguments = f"arguments{self._count}"
        builder = self._arguments(field, declared, details[0].node)
        self._lines.append(f"{arguments} = {self._call('build_arguments', builder, 'values')}")
        nodes = self._global("nodes", [each.node for each in details])
        return f"await run.mutate({resolve}, {arguments}, {nodes}, {key!r}, lambda result: {_dict_display(result)})"

    def _query(self, root: GraphQLObjectType, name: str, _key: str, details: Any) -> str:
        """Add the lines that read a root field, and return the expression of its value."""
        read = self._field_read(root, name, details)
        selection = read.selection
        if read.page_fields is not None:
            self._lines.append(f"page{selection.number} = {self._run('page', read)}")
            self._add_rows(read, f"page{selection.number}.rows", is_many=True)
            return self._page(read, f"page{selection.number}")
        self._add_rows(read, self._run("root", read), is_many=False)
        objects = f"[{self._object(selection)} for {selection.row} in rows{selection.number}[:1]]"
        first = f"next(iter({objects}), None)"
        return first if read.is_nullable else self._call("require", _require, first)

    def _add_rows(self, read: FieldRead, rows: str, *, is_many: bool) -> None:
        """Add the line that assigns the rows of a read, and the lines of the reads inside its selection."""
        selection = read.selection
        self._lines.append(f"rows{selection.number} = {rows}")
        for inner in _reads_in(selection):
            number, keys = inner.selection.number, f"[{inner.parent_key} for {selection.row} in rows{selection.number}]"
            if inner.page_fields is None:
                inner_rows = self._run("related", inner, keys, has_many_parents=is_many)
                self._add_rows(inner, inner_rows, is_many=is_many or inner.query.is_list)
            else:
                self._lines.append(f"pages{number} = {self._run('first_pages', inner, keys, has_many_parents=is_many)}")
                self._add_rows(inner, f"[row for page in pages{number}.values() for row in page.rows]", is_many=True)
            self._lines.append(f"by_key{number} = {self._by_key(inner)}")

    def _by_key(self, read: FieldRead) -> str:
        """Return the expression of a dict from keys of parent objects to values of the field."""
        selection, number = read.selection, read.selection.number
        if read.page_fields is not None:
            return f"{{key: {self._page(read, 'page')} for key, page in pages{number}.items()}}"
        key, value = f"{selection.row}[-1]", read.value or self._object(selection)
        if read.query.is_list:
            return self._call("group", _group, f"[({key}, {value}) for {selection.row} in rows{number}]")
        return f"{{{key}: {value} for {selection.row} in rows{number}}}"

    def _page(self, read: FieldRead, page: str) -> str:
        """Return the expression of a Connection, given the expression of its `Page`."""
        assert read.page_fields is not None  # noqa: S101
        items = f"[{self._object(read.selection)} for {read.selection.row} in {page}.rows]"
        values = {"items": items, "nextToken": f"{page}.next_token"}
        return _dict_display({key: values.get(name, repr(name)) for key, name in read.page_fields.items()})

    def _object(self, selection: Selection) -> str:
        """Return the expression of an object, in which the variable `selection.row` is its row."""
        fields = {key: each if isinstance(each, str) else self._value(each) for key, each in selection.fields.items()}
        display = _dict_display(fields)
        return display if selection.exists is None else f"({display} if {selection.exists} else None)"

    def _value(self, field: "FieldRead | Selection") -> str:
        if isinstance(field, Selection):
            return self._object(field)
        by_key = f"by_key{field.selection.number}"
        if field.query.value_column is not None:
            return f"{by_key}.get({field.parent_key}, {field.query.default!r})"
        if field.query.is_list:
            return f"{by_key}.get({field.parent_key}, ())"
        if field.page_fields is not None:
            return f"{by_key}[{field.parent_key}]"
        value = f"{by_key}.get({field.parent_key})"
        return value if field.is_nullable else self._call("require", _require, value)

    def _run(self, method: str, read: FieldRead, keys: str = "", *, has_many_parents: bool = False) -> str:
        """Return the expression that runs a read's statement by a method of QueryRun."""
        number, columns = read.selection.number, read.selection.columns
        if not columns:
            read.selection.column(next(iter(read.query.column_info)))
        projection = Projection(tuple(columns))
        self._globals[f"query{number}"] = read.query
        self._globals[f"arguments{number}"] = read.arguments
        self._globals[f"projection{number}"] = projection
        arguments, page = [f"query{number}", f"arguments{number}(values)", f"projection{number}"], None
        if read.page_fields is not None:
            assert read.query.order is not None  # noqa: S101
            has_token = "nextToken" in read.page_fields.values()
            order = tuple(columns[Column(name)] for name in read.query.order.names) if has_token else None
            page = (read.list_name, order)
            arguments += map(repr, page)
        self.reads.append(
            PlannedRead(read.path, method, read.query, read.arguments, projection, page, has_many_parents)
        )
        return f"await run.{method}({', '.join([*arguments, *([keys] if keys else ())])})"

    def _field_read(self, parent: GraphQLObjectType, name: str, details: Any) -> FieldRead:
        """Return the read of a field that declares a FieldQuery, with everything that is selected inside it."""
        field = parent.fields.get(name)
        if field is None:
            raise NoPlan(f"{name} is an introspection field")
        declared = self._declared(parent, name)
        query = declared.metadata.get(FIELD_QUERY)
        if query is None:
            raise NoPlan(f"{parent.name}.{name} is computed by a Python function")
        self._count += 1
        arguments = self._arguments(field, declared, details[0].node)
        read = FieldRead(f"{parent.name}.{name}", query, arguments, Selection(self._count))
        read.is_nullable = not is_non_null_type(field.type)
        named = get_named_type(field.type)
        if query.order is not None:
            read.list_name = name if query.parent_column is None else read.path
            self._select_page(read, named, details)
        elif query.value_column is not None:
            read.value = self._column_value(read.selection, query, ColumnField((query.value_column,)), field.type)
        else:
            self._select(read.selection, query, named, details)
        return read

    def _select_page(self, read: FieldRead, connection: GraphQLNamedType, details: Any) -> None:
        """Fill the selection of a paged list's items, and the fields of its Connection."""
        assert isinstance(connection, GraphQLObjectType)  # noqa: S101
        assert read.query.order is not None  # noqa: S101
        read.page_fields = {}
        for key, inner in self._subfields(connection, details).items():
            name = inner[0].node.name.value
            if name == "items":
                if name in read.page_fields.values():
                    raise NoPlan(f"the items of a {connection.name} are selected under two names")
                self._select(read.selection, read.query, get_named_type(connection.fields["items"].type), inner)
            if name == "nextToken":
                for column in read.query.order.names:
                    read.selection.column(column)
            read.page_fields[key] = connection.name if name == "__typename" else name

    def _select(self, selection: Selection, query: FieldQuery, type_: GraphQLNamedType, details: Any) -> None:
        """Add the selected fields of an object to its selection."""
        assert isinstance(type_, GraphQLObjectType)  # noqa: S101
        if not issubclass(row_type(type_), RowType):
            raise NoPlan(f"{type_.name} is not the type of a database row")
        for key, inner in self._subfields(type_, details).items():
            name = inner[0].node.name.value
            if name == "__typename":
                selection.fields[key] = repr(type_.name)
                continue
            field = type_.fields[name]
            declared = self._declared(type_, name)
            if FIELD_QUERY in declared.metadata:
                read = self._field_read(type_, name, inner)
                assert read.query.parent_column is not None  # noqa: S101
                read.parent_key = selection.column(read.query.parent_column, TEXT)
                selection.fields[key] = read
            elif OBJECT_LIST in declared.metadata:
                column_field = declared.metadata[OBJECT_LIST]
                columns = ", ".join(selection.column(name) for name in column_field.columns)
                objects = self._call("objects", column_field.convert, columns)
                selection.fields[key] = self._object_list(objects, field, inner)
            elif declared.base_resolver is not None:
                raise NoPlan(f"{type_.name}.{name} is computed by a Python function")
            elif EMBEDDED_OBJECT in declared.metadata:
                embedded = declared.metadata[EMBEDDED_OBJECT]
                selection.fields[key] = self._embedded(selection, query, embedded, field, inner)
            else:
                selection.fields[key] = self._column_value(selection, query, column_field_of(declared), field.type)

    def _embedded(
        self, selection: Selection, query: FieldQuery, embedded: EmbeddedObject, field: GraphQLField, details: Any
    ) -> Selection:
        # It shares the row and the columns of the object that it is embedded in.
        inner = Selection(selection.number, selection.columns)
        self._select(inner, query, get_named_type(field.type), details)
        columns = ", ".join(selection.column(name) for name in embedded.exists.columns)
        inner.exists = self._call("exists", embedded.exists.convert, columns)
        return inner

    def _object_list(self, objects: str, field: GraphQLField, details: Any) -> str:
        """Return the expression of a list of objects, given the expression of the Python objects."""
        type_ = get_named_type(field.type)
        assert isinstance(type_, GraphQLObjectType)  # noqa: S101
        self._count += 1
        item, values = f"item{self._count}", {}
        for key, inner in self._subfields(type_, details).items():
            name = inner[0].node.name.value
            if name == "__typename":
                values[key] = repr(type_.name)
                continue
            inner_field, value = type_.fields[name], f"{item}.{self._declared(type_, name).python_name}"
            if is_leaf_type(get_named_type(inner_field.type)):
                values[key] = self._call("serialize", _leaf_serializer(inner_field.type), value)
            else:
                values[key] = self._object_list(value, inner_field, inner)
        return self._call("each", _each, f"{objects}, lambda {item}: {_dict_display(values)}")

    def _column_value(self, selection: Selection, query: FieldQuery, column_field: ColumnField, type_: Any) -> str:
        """Return the expression of a field that shows columns, serialized as its GraphQL type."""
        named, is_required = get_named_type(type_), is_non_null_type(type_)
        if not is_leaf_type(named):
            raise NoPlan(f"a {named.name} is not a column of a database row")
        info = query.column_info[column_field.columns[0]]
        sql_and_graphql_type = (info.sql_type, named.name)
        is_scalar = is_leaf_type(nullable(type_))
        if column_field.convert in (None, str) and sql_and_graphql_type in CASTS and is_scalar:
            value = selection.column(column_field.columns[0], CASTS[sql_and_graphql_type])
            return self._call("require", _require, value) if is_required and info.is_nullable else value
        columns = ", ".join(selection.column(name) for name in column_field.columns)
        if isinstance(column_field.convert, EnumType) and is_enum_type(named) and is_required:
            members: Iterable[Any] = column_field.convert
            names = {member.value: named.serialize(member) for member in members}
            return f"{self._global('enum_names', names)}[{columns}]"
        if column_field.convert is None and info.sql_type is DateTime and is_required and not info.is_nullable:
            return self._call("serialize_instant", named.serialize, columns)
        value = self._call("serialize", _serializer(column_field.convert, _leaf_serializer(type_)), columns)
        return self._call("require", _require, value) if is_required else value

    def _arguments(self, field: GraphQLField, declared: StrawberryField, node: FieldNode) -> ArgumentBuilder:
        return compile_arguments(field, declared, node, schema=self._strawberry_schema, values=self._values)

    def _subfields(self, type_: GraphQLObjectType, details: Any) -> Any:
        return collect_subfields(
            self._schema, self._fragments, self._values, self._operation, type_, details
        ).grouped_field_set

    def _declared(self, type_: GraphQLObjectType, name: str) -> StrawberryField:
        """Return the Strawberry declaration of a field. Raises NoPlan unless the caller's role may read the field."""
        declared: StrawberryField = type_.fields[name].extensions["strawberry-definition"]
        for extension in declared.extensions:
            if not isinstance(extension, RequiresRole):
                raise NoPlan(f"{type_.name}.{name} has an extension that runs code, {type(extension).__name__}")
            if not extension.allows(self._role):
                raise NoPlan(f"the role {self._role} may not read {type_.name}.{name}")
        return declared

    def _call(self, name: str, function: Any, arguments: str) -> str:
        return f"{self._global(name, function)}({arguments})"

    def _global(self, name: str, value: Any) -> str:
        """Return the name of the plan's global variable that holds a value, which is made from `name` if it is new."""
        known = next((known for known, each in self._globals.items() if each is value), None)
        if known is None:
            # The name has an underscore, unlike the names of reads.
            known = f"{name}_{len(self._globals)}"
            self._globals[known] = value
        return known


def _dict_display(items: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key!r}: {value}" for key, value in items.items()) + "}"


def _reads_in(selection: Selection) -> Iterator[FieldRead]:
    for each in selection.fields.values():
        if isinstance(each, FieldRead):
            yield each
        elif isinstance(each, Selection):
            yield from _reads_in(each)


def _leaf_serializer(type_: Any) -> Callable[[Any], Any]:
    """Return the function that serializes non-null values of a scalar, an enum or a list of these."""
    if is_non_null_type(type_):
        return _leaf_serializer(type_.of_type)
    if is_leaf_type(type_):
        serialize: Callable[[Any], Any] = type_.serialize
        return serialize
    serialize_item = _leaf_serializer(type_.of_type)
    return lambda values: [serialize_item(value) for value in values]


# Functions that plans call.


def _serializer(convert: Callable[..., Any] | None, serialize: Callable[[Any], Any]) -> Callable[..., Any]:
    def serialized(*values: Any) -> Any:
        value = values[0] if convert is None else convert(*values)
        return None if value is None else serialize(value)

    return serialized


def _each(objects: Iterable[Any] | None, to_dict: Callable[[Any], Any]) -> list[Any] | None:
    return None if objects is None else [to_dict(each) for each in objects]


def _require(value: Any) -> Any:
    if value is None:
        raise NoPlan("a field that is not nullable is null")
    return value


def _group(pairs: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    values_by_key: dict[str, list[Any]] = {}
    for key, value in pairs:
        values_by_key.setdefault(key, []).append(value)
    return values_by_key
