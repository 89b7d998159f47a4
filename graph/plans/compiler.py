"""
From a document to a plan: the statements its fields are read by, and a function that puts their rows together.

What is selected becomes a tree of `Selected` objects, each of the rows of one statement, with the columns that it takes
of them. Of the tree a Python function is written: it runs the statements level by level, each for all objects of the
level above at once, and puts the answer together innermost first, in dict displays. For

    { listSites { items { nmi vpp { name } } } }

that is, but for the numbers in its names,

    async def plan(run, values):
        sites = await run.page(reads_sites, arguments_of_sites(values), form_of_sites, "listSites", None)
        vpps = await run.owned(reads_vpps, arguments_of_vpps(values), form_of_vpps, [site[1] for site in sites.rows])
        vpp_of = {vpp[-1]: {"name": vpp[0]} for vpp in vpps}
        return {"listSites": {"items": [{"nmi": site[0], "vpp": vpp_of.get(site[1])} for site in sites.rows]}}

Statements and columns are those that the fields declare (`graph/resolvers/fields.py`). Whatever is not declared there,
or is not for the caller's role, is not planned: `Unplanned` is raised, and Strawberry runs the operation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import EnumType
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    FieldNode,
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

from graph.operations.operation import Unplanned
from graph.plans.arguments import ArgumentsOf, arguments_of, nullable
from graph.resolvers.fields import PART, READS, ColumnField, EmbeddedObject, RowType, column_field_of, row_type
from graph.resolvers.paging import Order
from graph.resolvers.permissions import RequiresRole
from graph.resolvers.reads import Column, FieldQuery, Projection

# An answer's data, of what is run and the variables' values.
Plan: TypeAlias = Callable[[Any, VariableValues], Any]

TEXT, FLOAT = String(), Float(53)
# What Postgres writes as the answer shows it, so that nobody has to here.
AS_SHOWN: Mapping[tuple[type[TypeEngine[Any]], str], TypeEngine[Any] | None] = {
    (Uuid, "ID"): TEXT,
    (Numeric, "Float"): FLOAT,
    (BigInteger, "Float"): FLOAT,
    (Numeric, "String"): TEXT,
    (String, "String"): None,
    (String, "AWSJSON"): None,
    (Integer, "Int"): None,
    (Boolean, "Boolean"): None,
    # orjson writes a day as GraphQL does.
    (Date, "AWSDate"): None,
}


@dataclass
class Selected:
    """What is selected of an object: which columns that takes, and how each part of the answer is made of them."""

    number: int
    columns: dict[Column, int] = field(default_factory=dict)
    # By the names in the answer: an expression, or what has to be read first.
    parts: dict[str, "str | Related | Selected"] = field(default_factory=dict)
    # Of an object that is there only where this expression says so.
    where: str | None = None

    @property
    def row(self) -> str:
        return f"r{self.number}"

    def column(self, name: str, kind: TypeEngine[Any] | None = None) -> str:
        """Return the expression of a column."""
        place = self.columns.setdefault(Column(name, kind), len(self.columns))
        return f"{self.row}[{place}]"


@dataclass
class Related:
    """A field that is read by a statement of its own, for objects known by a column of theirs."""

    # Its type and name, `Site.vpp`.
    field: str
    reads: FieldQuery
    arguments: ArgumentsOf
    of: Selected
    key: str = ""
    is_nullable: bool = True
    # Of a page: what its own fields are, by their names in the answer, and what its list is called.
    page: dict[str, str] | None = None
    name: str = ""
    # Of a field that is no object: its expression.
    value: str = ""


class PlannedRead(NamedTuple):
    """A read of a plan: the method of the run that the plan calls, with the arguments of that call."""

    field: str
    method: str
    query: FieldQuery
    arguments: ArgumentsOf
    projection: Projection
    # Of a page: the name of its list, and the indexes of the columns that its cursor holds.
    page: tuple[str, tuple[int, ...] | None] | None
    # Whether it is run for the fields of several objects at once.
    has_many_owners: bool


class Planner:
    """Writes the plan of one operation, for callers of one role, given the values of variables that decide over it."""

    def __init__(self, schema: Any, operation: OperationDefinitionNode, fragments: Any, values: VariableValues) -> None:
        self._strawberry = schema
        self._schema: GraphQLSchema = schema._schema
        self._operation = operation
        self._fragments = {name: FragmentDetails(node) for name, node in fragments.items()}
        self._values = values
        self._names: dict[str, Any] = {}
        self._lines: list[str] = []
        self._count = 0
        # The plan's reads and its Python source, for those who want to see them.
        self.reads: list[PlannedRead] = []
        self.source = ""

    def plan(self, role: str) -> Plan:
        """Return the plan. Raises Unplanned."""
        self._role = role
        root = self._schema.get_root_type(self._operation.operation)
        assert root is not None  # noqa: S101
        field = self._change if self._operation.operation is OperationType.MUTATION else self._root
        collected = collect_fields(self._schema, self._fragments, self._values, root, self._operation)
        parts = {}
        for key, details in collected.grouped_field_set.items():
            name = details[0].node.name.value
            parts[key] = repr(root.name) if name == "__typename" else field(root, name, key, details)
        self._lines.append(f"return {_display(parts)}")
        self.source = "async def plan(run, values):\n" + "".join(f"    {line}\n" for line in self._lines)
        # It is made of our own names and of places of columns; of the document it has names, as texts.
        exec(compile(self.source, "<plan>", "exec"), self._names)  # noqa: S102
        plan: Plan = self._names["plan"]
        return plan

    def _change(self, root: GraphQLObjectType, name: str, key: str, details: Any) -> str:
        """Return the expression of a change, made by its resolver, and of what is shown of the object it returns."""
        field = root.fields[name]
        declared, kind = self._declared(root, name), field.type
        if not isinstance(kind, GraphQLObjectType) or declared.base_resolver is None:
            raise Unplanned(f"{root.name}.{name} does not return a nullable object")
        shown = {}
        for inner_key, inner in self._subfields(kind, details).items():
            inner_name = inner[0].node.name.value
            if inner_name == "__typename":
                shown[inner_key] = repr(kind.name)
                continue
            of = self._declared(kind, inner_name)
            named = nullable(kind.fields[inner_name].type)
            if of.base_resolver is not None or not is_leaf_type(named):
                raise Unplanned(f"{kind.name}.{inner_name} is more than a column of the object that {name} returns")
            value = self._call("written", _written(None, named.serialize), f"it.{of.python_name}")
            shown[inner_key] = value
        resolve = self._known("resolve", declared.base_resolver.wrapped_func)
        # Of all changes before the first is made: what is wrong with them is for Strawberry to tell.
        self._count += 1
        given = f"given{self._count}"
        self._lines.append(
            f"{given} = {self._call('arguments', self._arguments(field, declared, details[0].node), 'values')}"
        )
        nodes = self._known("nodes", [each.node for each in details])
        return f"await run.change({resolve}, {given}, {nodes}, {key!r}, lambda it: {_display(shown)})"

    def _root(self, root: GraphQLObjectType, name: str, _key: str, details: Any) -> str:
        related = self._related(root, name, details)
        of = related.of
        if related.page is not None:
            self._lines.append(f"page{of.number} = {self._read('page', related)}")
            self._read_inner(related, f"page{of.number}.rows", is_many=True)
            return self._page(related, f"page{of.number}")
        self._read_inner(related, self._read("root", related), is_many=False)
        shown = f"[{self._object(of)} for {of.row} in rows{of.number}[:1]]"
        there = f"next(iter({shown}), None)"
        return there if related.is_nullable else self._call("there", _there, there)

    def _read_inner(self, related: Related, rows: str, *, is_many: bool) -> None:
        """Write down that the rows of something are these, and read what is related to them."""
        of = related.of
        self._lines.append(f"rows{of.number} = {rows}")
        for part in _related_to(of):
            number, keys = part.of.number, f"[{part.key} for {of.row} in rows{of.number}]"
            if part.page is None:
                rows = self._read("owned", part, keys, has_many_owners=is_many)
                self._read_inner(part, rows, is_many=is_many or part.reads.is_list)
            else:
                self._lines.append(f"pages{number} = {self._read('pages', part, keys, has_many_owners=is_many)}")
                self._read_inner(part, f"[row for page in pages{number}.values() for row in page.rows]", is_many=True)
            self._lines.append(f"by{number} = {self._by_owner(part)}")

    def _by_owner(self, part: Related) -> str:
        of, number = part.of, part.of.number
        if part.page is not None:
            return f"{{key: {self._page(part, 'page')} for key, page in pages{number}.items()}}"
        owner, shown = f"{of.row}[-1]", part.value or self._object(of)
        if part.reads.is_list:
            return self._call("grouped", _grouped, f"[({owner}, {shown}) for {of.row} in rows{number}]")
        return f"{{{owner}: {shown} for {of.row} in rows{number}}}"

    def _page(self, part: Related, page: str) -> str:
        """Return the expression of a page, whose rows and token are those of a `Page`."""
        assert part.page is not None  # noqa: S101
        of = part.of
        items = f"[{self._object(of)} for {of.row} in {page}.rows]"
        shown = {"items": items, "nextToken": f"{page}.next_token"}
        return _display({key: shown.get(what, repr(what)) for key, what in part.page.items()})

    def _object(self, of: Selected) -> str:
        parts = {key: part if isinstance(part, str) else self._part(part) for key, part in of.parts.items()}
        shown = _display(parts)
        return shown if of.where is None else f"({shown} if {of.where} else None)"

    def _part(self, part: "Related | Selected") -> str:
        if isinstance(part, Selected):
            return self._object(part)
        by = f"by{part.of.number}"
        if part.reads.column is not None:
            return f"{by}.get({part.key}, {part.reads.otherwise!r})"
        if part.reads.is_list:
            return f"{by}.get({part.key}, ())"
        if part.page is not None:
            return f"{by}[{part.key}]"
        found = f"{by}.get({part.key})"
        return found if part.is_nullable else self._call("there", _there, found)

    def _read(self, method: str, related: Related, keys: str = "", *, has_many_owners: bool = False) -> str:
        """Return the expression that runs a statement by a method of the run."""
        number = related.of.number
        if not related.of.columns:
            related.of.column(next(iter(related.reads.columns)))
        projection = Projection(tuple(related.of.columns))
        self._names[f"reads{number}"] = related.reads
        self._names[f"arguments{number}"] = related.arguments
        self._names[f"form{number}"] = projection
        arguments, page = [f"reads{number}", f"arguments{number}(values)", f"form{number}"], None
        if related.page is not None:
            page = (related.name, self._order(related) if "nextToken" in related.page.values() else None)
            arguments += map(repr, page)
        self.reads.append(
            PlannedRead(related.field, method, related.reads, related.arguments, projection, page, has_many_owners)
        )
        return f"await run.{method}({', '.join([*arguments, *([keys] if keys else ())])})"

    def _order(self, related: Related) -> tuple[int, ...]:
        """Return the places of the columns by which a list is ordered: the token for the next page holds them."""
        order: Order | None = related.reads.order
        assert order is not None  # noqa: S101
        return tuple(related.of.columns[Column(name)] for name in order.names)

    def _related(self, kind: GraphQLObjectType, name: str, details: Any) -> Related:
        field = kind.fields.get(name)
        if field is None:
            raise Unplanned(f"{name} is an introspection field")
        declared = self._declared(kind, name)
        reads = declared.metadata.get(READS)
        if reads is None:
            raise Unplanned(f"{kind.name}.{name} is computed by a Python function")
        self._count += 1
        arguments = self._arguments(field, declared, details[0].node)
        related = Related(f"{kind.name}.{name}", reads, arguments, Selected(self._count))
        related.is_nullable = not is_non_null_type(field.type)
        named = get_named_type(field.type)
        if reads.order is not None:
            related.name = name if reads.by is None else f"{kind.name}.{name}"
            self._select_page(related, named, details)
        elif reads.column is not None:
            related.value = self._shown(related.of, reads, ColumnField((reads.column,)), field.type)
        else:
            self._select(related.of, reads, named, details)
        return related

    def _select_page(self, related: Related, kind: GraphQLNamedType, details: Any) -> None:
        assert isinstance(kind, GraphQLObjectType)  # noqa: S101
        assert related.reads.order is not None  # noqa: S101
        related.page = {}
        for key, inner in self._subfields(kind, details).items():
            name = inner[0].node.name.value
            if name == "items":
                if name in related.page.values():
                    raise Unplanned(f"the items of a {kind.name} are selected under two names")
                self._select(related.of, related.reads, get_named_type(kind.fields["items"].type), inner)
            if name == "nextToken":
                for column in related.reads.order.names:
                    related.of.column(column)
            related.page[key] = kind.name if name == "__typename" else name

    def _select(self, of: Selected, reads: FieldQuery, kind: GraphQLNamedType, details: Any) -> None:
        assert isinstance(kind, GraphQLObjectType)  # noqa: S101
        if not issubclass(row_type(kind), RowType):
            raise Unplanned(f"{kind.name} is not the type of a database row")
        for key, inner in self._subfields(kind, details).items():
            name = inner[0].node.name.value
            if name == "__typename":
                of.parts[key] = repr(kind.name)
                continue
            field = kind.fields[name]
            declared = self._declared(kind, name)
            if READS in declared.metadata:
                of.parts[key] = self._of_object(of, reads, self._related(kind, name, inner))
            elif declared.base_resolver is not None:
                raise Unplanned(f"{kind.name}.{name} is computed by a Python function")
            elif PART in declared.metadata:
                of.parts[key] = self._embedded(of, reads, declared.metadata[PART], field, inner)
            else:
                of.parts[key] = self._shown(of, reads, column_field_of(declared), field.type)

    def _of_object(self, of: Selected, reads: FieldQuery, related: Related) -> Related:
        assert related.reads.by is not None  # noqa: S101
        related.key = of.column(related.reads.by, TEXT)
        return related

    def _embedded(
        self, of: Selected, reads: FieldQuery, part: EmbeddedObject, field: GraphQLField, details: Any
    ) -> Selected:
        # Of the same row, and the same columns.
        inner = Selected(of.number, of.columns)
        self._select(inner, reads, get_named_type(field.type), details)
        columns = ", ".join(of.column(name) for name in part.where.columns)
        inner.where = self._call("where", part.where.by, columns)
        return inner

    def _shown(self, of: Selected, reads: FieldQuery, shown: ColumnField, kind: Any) -> str:
        """Return the expression of a field that shows columns, as GraphQL writes it."""
        named, must_be = get_named_type(kind), is_non_null_type(kind)
        if not is_leaf_type(named):
            raise Unplanned(f"a {named.name} is not a column of a database row")
        first = reads.columns[shown.columns[0]]
        place = (shown.columns[0], AS_SHOWN.get((first.kind, named.name)))
        if shown.by in (None, str) and (first.kind, named.name) in AS_SHOWN and is_leaf_type(nullable(kind)):
            value = of.column(*place)
            return self._call("there", _there, value) if must_be and first.may_be_null else value
        columns = ", ".join(of.column(name) for name in shown.columns)
        if isinstance(shown.by, EnumType) and is_enum_type(named) and must_be:
            members: Iterable[Any] = shown.by
            names = {member.value: named.serialize(member) for member in members}
            return f"{self._known('names', names)}[{columns}]"
        if shown.by is None and first.kind is DateTime and must_be and not first.may_be_null:
            return self._call("instant", named.serialize, columns)
        value = self._call("written", _written(shown.by, self._completed(kind)), columns)
        return self._call("there", _there, value) if must_be else value

    def _completed(self, kind: Any) -> Callable[[Any], Any]:
        if is_non_null_type(kind):
            return self._completed(kind.of_type)
        if is_leaf_type(kind):
            return kind.serialize
        each = self._completed(kind.of_type)
        return lambda values: [each(value) for value in values]

    def _arguments(self, field: GraphQLField, declared: StrawberryField, node: FieldNode) -> ArgumentsOf:
        return arguments_of(field, declared, node, schema=self._strawberry, values=self._values)

    def _subfields(self, kind: GraphQLObjectType, details: Any) -> Any:
        return collect_subfields(
            self._schema, self._fragments, self._values, self._operation, kind, details
        ).grouped_field_set

    def _declared(self, kind: GraphQLObjectType, name: str) -> StrawberryField:
        """Return the declaration of a field. Raises Unplanned if its extensions do more than restrict it to roles."""
        field, path = kind.fields[name], f"{kind.name}.{name}"
        declared: StrawberryField = field.extensions["strawberry-definition"]
        for extension in declared.extensions:
            if not isinstance(extension, RequiresRole):
                raise Unplanned(f"{path} has an extension that runs code, {type(extension).__name__}")
            if not extension.allows(self._role):
                raise Unplanned(f"the role {self._role} may not read {path}")
        return declared

    def _call(self, name: str, function: Any, arguments: str) -> str:
        return f"{self._known(name, function)}({arguments})"

    def _known(self, name: str, value: Any) -> str:
        """Return by which name the plan knows a value."""
        known = next((known for known, there in self._names.items() if there is value), None)
        if known is None:
            known = f"{name}{len(self._names)}"
            self._names[known] = value
        return known


def _display(parts: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key!r}: {part}" for key, part in parts.items()) + "}"


def _related_to(of: Selected) -> Iterator[Related]:
    for part in of.parts.values():
        if isinstance(part, Related):
            yield part
        elif isinstance(part, Selected):
            yield from _related_to(part)


def _written(by: Callable[..., Any] | None, completed: Callable[[Any], Any]) -> Callable[..., Any]:
    def written(*values: Any) -> Any:
        value = values[0] if by is None else by(*values)
        return None if value is None else completed(value)

    return written


def _there(value: Any) -> Any:
    if value is None:
        raise Unplanned("a field that is not nullable is null")
    return value


def _grouped(pairs: list[tuple[str, Any]]) -> dict[str, list[Any]]:
    grouped: dict[str, list[Any]] = {}
    for owner, shown in pairs:
        grouped.setdefault(owner, []).append(shown)
    return grouped
