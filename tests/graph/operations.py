"""Operations that a schema allows, for properties that hold of all of them: drawn by Hypothesis, and made small."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from hypothesis import strategies as st

from tests.graph.operation_values import PERCENT, Drawing, Values

DEPTH = 6
# Of all selections of a document; what lies deeper than these is left with scalars.
FIELDS = 30
VARIABLES = re.compile(r"\$(\w+)")
SPREADS = re.compile(r"\.\.\. ?(F\d+)")
# Words of Python's among them, and of answers.
ALIASES = ("a", "b", "class", "None", "self", "data", "errors", "_", "__class__", "row", "ID")


class Asked(NamedTuple):
    """A document that is asked once with each of some variables, and the operation of it that is run."""

    document: str
    name: str | None
    variables: list[dict[str, Any]]


def operations(
    schema: GraphQLSchema,
    *,
    known: Mapping[str, Sequence[Any]],
    left_out: frozenset[str] = frozenset(),
    rare: frozenset[str] = frozenset(),
    times: int = 2,
) -> st.SearchStrategy[Asked]:
    """
    Draw queries of a schema.

    Values are `known` by the name of what they are given for (`getVpp.id`, `id`) or by their type. Fields are left out
    or rare by their type and name (`RevenueReport.isStale`). What is to be a token of a page is a variable that is
    called `after_` and the name under which the list is answered, at first without a value.
    """

    @st.composite
    def drawn(draw: st.DrawFn) -> Asked:
        return _Document(draw, schema, known, left_out, rare).asked(times)

    return drawn()


@dataclass
class _Fragment:
    name: str
    on: GraphQLObjectType
    # It may be spread where there is as much room for it as there was here.
    depth: int
    text: str = ""


class _Chosen(NamedTuple):
    """What stands under a name in all answers of a type, so that selections can always be merged."""

    text: str
    kind: Any


class _Document(Drawing):
    def __init__(
        self,
        draw: st.DrawFn,
        schema: GraphQLSchema,
        known: Mapping[str, Sequence[Any]],
        left_out: frozenset[str],
        rare: frozenset[str],
    ) -> None:
        super().__init__(draw)
        self._schema = schema
        self._left_out = left_out
        self._rare = rare
        self._values = Values(draw, known)
        self._left = FIELDS
        self._chosen: dict[str, dict[str, _Chosen]] = {}
        self._fragments: list[_Fragment] = []

    def asked(self, times: int) -> Asked:
        query = self._schema.query_type
        assert query is not None
        names: list[str | None] = ["One"] if self.chance(30) else [None]
        if self.chance(15):
            names = ["One", "Two"]
        bodies = [self._selections(query, 0) for _ in names]
        texts = [self._operation(name, body) for name, body in zip(names, bodies, strict=True)]
        texts += [f"fragment {each.name} on {each.on.name} {each.text}" for each in self._fragments]
        if names[0] and self.chance(10):
            texts.append("mutation Other { __typename }")
        name = self.one_of([*names, *names, *names, None, "Another"] if self.chance(10) else names)
        return Asked("\n".join(self.shuffled(texts)), name, [self._values.given() for _ in range(times)])

    def _operation(self, name: str | None, body: str) -> str:
        declared = self._values.declared(self._used(body))
        if not declared and name is None:
            return body
        return f"query {name or ''}{_in_brackets(declared)} {body}"

    def _used(self, text: str) -> set[str]:
        texts, fragments = [text], {each.name: each.text for each in self._fragments}
        for each in texts:
            texts += [fragments.pop(name) for name in SPREADS.findall(each) if name in fragments]
        return set(VARIABLES.findall(" ".join(texts)))

    def _selections(self, on: GraphQLObjectType, depth: int) -> str:
        count = self.draw(st.integers(1, 5))
        return f"{{ {' '.join([self._selection(on, depth) for _ in range(count)])} }}"

    def _selection(self, on: GraphQLObjectType, depth: int) -> str:
        how = self.draw(PERCENT)
        if how < 78 or self._left <= 0:
            return self._field(on, depth)
        if how < 90:
            condition = f"on {on.name} " if self.chance(70) else ""
            return f"... {condition}{self._directives()}{self._selections(on, depth)}"
        there = [each for each in self._fragments if each.on is on and each.text and depth <= each.depth]
        if there and self.chance(50):
            fragment = self.one_of(there)
        else:
            fragment = _Fragment(f"F{len(self._fragments)}", on, depth)
            self._fragments.append(fragment)
            fragment.text = self._selections(on, depth)
        return f"...{fragment.name} {self._directives()}"

    def _field(self, on: GraphQLObjectType, depth: int) -> str:
        self._left -= 1
        room = depth < DEPTH and self._left > 0
        chosen = self._chosen.setdefault(on.name, {})
        usable = [key for key, each in chosen.items() if room or is_leaf_type(get_named_type(each.kind))]
        if usable and self.chance(15):
            key = self.one_of(usable)
        else:
            name, asked = self._name(on, room)
            key = self._key(on, name)
            if key in chosen and key not in usable:
                key, name, asked = "__typename", "__typename", None
            if key not in chosen:
                chosen[key] = self._choose(on, key, name, asked, depth)
        text, kind = chosen[key]
        inner = get_named_type(kind)
        if not isinstance(inner, GraphQLObjectType):
            return f"{text} {self._directives()}"
        return f"{text} {self._directives()}{self._selections(inner, depth + 1)}"

    def _name(self, on: GraphQLObjectType, room: bool) -> tuple[str, GraphQLField | None]:
        fields = {name: each for name, each in on.fields.items() if f"{on.name}.{name}" not in self._left_out}
        if on is self._schema.query_type:
            fields |= {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}
        usual = [
            name
            for name, each in fields.items()
            if f"{on.name}.{name}" not in self._rare and (room or is_leaf_type(get_named_type(each.type)))
        ]
        rare = [name for name in fields if f"{on.name}.{name}" in self._rare] if room else []
        if rare and self.chance(4):
            name = self.one_of(rare)
        elif not usual or self.chance(6):
            return "__typename", None
        elif "items" in usual and self.chance(60):
            name = "items"
        else:
            name = self.one_of(usual)
        return name, fields[name]

    def _key(self, on: GraphQLObjectType, name: str) -> str:
        if not self.chance(5 if name == "items" else 25):
            return name
        key: str = self.one_of([*ALIASES, *on.fields])
        return key

    def _choose(self, on: GraphQLObjectType, key: str, name: str, asked: GraphQLField | None, depth: int) -> _Chosen:
        alias = "" if key == name else f"{key}: "
        if asked is None:
            return _Chosen(f"{alias}{name}", GraphQLString)
        given = [
            f"{argument}: {self._argument(key, f'{name}.{argument}', each.type)}"
            for argument, each in self.shuffled(list(asked.args.items()))
            if is_required_argument(each) or self.chance(_chance_of(argument, depth))
        ]
        return _Chosen(f"{alias}{name}{_in_brackets(given)}", asked.type)

    def _argument(self, key: str, place: str, kind: Any) -> str:
        if place.endswith(".nextToken"):
            return self._values.token(place, kind, f"after_{key}")
        return self._values.written(place, kind)

    def _directives(self) -> str:
        if not self.chance(10):
            return ""
        names = ("skip", "include") if self.chance(20) else ("skip",) if self.chance(50) else ("include",)
        condition = GraphQLNonNull(GraphQLBoolean)
        return " ".join(f"@{name}(if: {self._values.written('if', condition)})" for name in names) + " "


def _chance_of(argument: str, depth: int) -> int:
    # Lists in lists would soon cost more than is allowed.
    return {"limit": 50 if depth == 0 else 90, "nextToken": 30, "filter": 50}.get(argument, 35)


def _in_brackets(parts: Sequence[str]) -> str:
    return f"({', '.join(parts)})" if parts else ""
