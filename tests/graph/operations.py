"""Operations that a schema allows, for properties that hold of all of them: drawn by Hypothesis, and made small."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)
from hypothesis import strategies as st

DEPTH = 6
# Of all selections of a document; what lies deeper than these is left with scalars.
FIELDS = 30
VARIABLES = re.compile(r"\$(\w+)")
SPREADS = re.compile(r"\.\.\. ?(F\d+)")
# Words of Python's among them, and of answers.
ALIASES = ("a", "b", "class", "None", "self", "data", "errors", "_", "__class__", "row", "ID")
# What is no value of a type, though JSON can hold it.
WRONG: Mapping[str, Sequence[Any]] = {
    "Int": (5.0, "5", 5.5, 2**31, -(2**40), True, [5], 1e400),
    "Float": ("5", True, 1e400),
    "String": (5, True, 1.5, ["a"], "\0", "half \ud800", {"a": 1}),
    "Boolean": (1, "true", 0.0),
    "ID": (1.5, True, ["a"], "\udfff", 2**70),
    "AWSDate": ("2025-02-30", "2025-9-1", 20250901, ""),
    "AWSDateTime": ("2025-09-01", "2025-09-01T00:00", "0001-01-01T00:00+01:00", 0),
}
PERCENT = st.integers(0, 99)


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
class _Variable:
    kind: Any
    # What it is a value of, and for what.
    of: Any
    place: str
    default: str | None
    is_token: bool = False


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


@dataclass
class _Document:
    draw: st.DrawFn
    schema: GraphQLSchema
    known: Mapping[str, Sequence[Any]]
    left_out: frozenset[str]
    rare: frozenset[str]
    left: int = FIELDS
    chosen: dict[str, dict[str, _Chosen]] = field(default_factory=dict)
    fragments: list[_Fragment] = field(default_factory=list)
    variables: dict[str, _Variable] = field(default_factory=dict)

    def asked(self, times: int) -> Asked:
        query = self.schema.query_type
        assert query is not None
        names: list[str | None] = ["One"] if self._chance(30) else [None]
        if self._chance(15):
            names = ["One", "Two"]
        bodies = [self._selections(query, 0) for _ in names]
        texts = [self._operation(name, body) for name, body in zip(names, bodies, strict=True)]
        texts += [f"fragment {each.name} on {each.on.name} {each.text}" for each in self.fragments]
        if names[0] and self._chance(10):
            texts.append("mutation Other { __typename }")
        name = self._one_of([*names, *names, *names, None, "Another"] if self._chance(10) else names)
        return Asked("\n".join(self._shuffled(texts)), name, [self._given() for _ in range(times)])

    def _operation(self, name: str | None, body: str) -> str:
        used = [each for each in self._used(body) if each in self.variables]
        declared = [
            f"${each}: {variable.kind}{'' if variable.default is None else f' = {variable.default}'}"
            for each, variable in self.variables.items()
            if each in used
        ]
        if not declared and name is None:
            return body
        return f"query {name or ''}{_in_brackets(declared)} {body}"

    def _used(self, text: str) -> set[str]:
        texts, fragments = [text], {each.name: each.text for each in self.fragments}
        for each in texts:
            texts += [fragments.pop(name) for name in SPREADS.findall(each) if name in fragments]
        return set(VARIABLES.findall(" ".join(texts)))

    def _selections(self, on: GraphQLObjectType, depth: int) -> str:
        count = self.draw(st.integers(1, 5))
        return f"{{ {' '.join([self._selection(on, depth) for _ in range(count)])} }}"

    def _selection(self, on: GraphQLObjectType, depth: int) -> str:
        how = self.draw(PERCENT)
        if how < 78 or self.left <= 0:
            return self._field(on, depth)
        if how < 90:
            condition = f"on {on.name} " if self._chance(70) else ""
            return f"... {condition}{self._directives()}{self._selections(on, depth)}"
        there = [each for each in self.fragments if each.on is on and each.text and depth <= each.depth]
        if there and self._chance(50):
            fragment = self._one_of(there)
        else:
            fragment = _Fragment(f"F{len(self.fragments)}", on, depth)
            self.fragments.append(fragment)
            fragment.text = self._selections(on, depth)
        return f"...{fragment.name} {self._directives()}"

    def _field(self, on: GraphQLObjectType, depth: int) -> str:
        self.left -= 1
        room = depth < DEPTH and self.left > 0
        chosen = self.chosen.setdefault(on.name, {})
        usable = [key for key, each in chosen.items() if room or is_leaf_type(get_named_type(each.kind))]
        if usable and self._chance(15):
            key = self._one_of(usable)
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
        fields = {name: each for name, each in on.fields.items() if f"{on.name}.{name}" not in self.left_out}
        if on is self.schema.query_type:
            fields |= {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}
        usual = [
            name
            for name, each in fields.items()
            if f"{on.name}.{name}" not in self.rare and (room or is_leaf_type(get_named_type(each.type)))
        ]
        rare = [name for name in fields if f"{on.name}.{name}" in self.rare] if room else []
        if rare and self._chance(4):
            name = self._one_of(rare)
        elif not usual or self._chance(6):
            return "__typename", None
        elif "items" in usual and self._chance(60):
            name = "items"
        else:
            name = self._one_of(usual)
        return name, fields[name]

    def _key(self, on: GraphQLObjectType, name: str) -> str:
        if not self._chance(5 if name == "items" else 25):
            return name
        key: str = self._one_of([*ALIASES, *on.fields])
        return key

    def _choose(self, on: GraphQLObjectType, key: str, name: str, asked: GraphQLField | None, depth: int) -> _Chosen:
        alias = "" if key == name else f"{key}: "
        if asked is None:
            return _Chosen(f"{alias}{name}", GraphQLString)
        given = [
            f"{argument}: {self._argument(key, f'{name}.{argument}', each)}"
            for argument, each in self._shuffled(list(asked.args.items()))
            if is_required_argument(each) or self._chance(_chance_of(argument, depth))
        ]
        return _Chosen(f"{alias}{name}{_in_brackets(given)}", asked.type)

    def _argument(self, key: str, place: str, asked: GraphQLArgument) -> str:
        if not place.endswith(".nextToken"):
            return self._written(place, asked.type)
        if self._chance(25):
            return self._literal(place, asked.type)
        name = f"after_{key}"
        self.variables[name] = _Variable(asked.type, asked.type, place, None, is_token=True)
        return f"${name}"

    def _written(self, place: str, kind: Any) -> str:
        """Write a value, or a variable that holds one."""
        if not self._chance(40):
            return self._literal(place, kind)
        alike = [
            name
            for name, each in self.variables.items()
            if not each.is_token and str(each.of) == str(kind) and each.place.split(".")[-1] == place.split(".")[-1]
        ]
        if alike and self._chance(40):
            return f"${self._one_of(alike)}"
        return f"${self._variable(place, kind)}"

    def _variable(self, place: str, kind: Any) -> str:
        of, declared, default = kind, kind, None
        if isinstance(kind, GraphQLNonNull):
            if self._chance(30):
                declared, default = kind.of_type, self._literal(place, kind, constant=True)
            elif self._chance(10):
                default = self._literal(place, kind, constant=True)
        elif self._chance(15):
            declared = GraphQLNonNull(kind)
        elif self._chance(25):
            default = self._literal(place, kind, constant=True)
        name = f"v{len(self.variables)}"
        self.variables[name] = _Variable(declared, of, place, default)
        return name

    def _literal(self, place: str, kind: Any, *, constant: bool = False) -> str:
        """Write a value, with variables in it where these may be."""

        def inner(inner_place: str, inner_kind: Any) -> str:
            if constant:
                return self._literal(inner_place, inner_kind, constant=True)
            return self._written(inner_place, inner_kind)

        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        elif self._chance(8):
            return "null"
        if is_list_type(kind):
            if self._chance(10):
                return self._literal(place, get_nullable_type(kind.of_type), constant=constant)
            return f"[{', '.join(inner(place, kind.of_type) for _ in range(self.draw(st.integers(0, 3))))}]"
        if isinstance(kind, GraphQLInputObjectType):
            given = [f"{name}: {inner(f'{kind.name}.{name}', each.type)}" for name, each in self._some_of(kind)]
            return f"{{{', '.join(given)}}}"
        return _literal(kind, self._one_of(self._values(place, kind)))

    def _json(self, place: str, kind: Any) -> Any:
        """Draw a value as it is given for a variable."""
        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        elif self._chance(8):
            return None
        if is_list_type(kind):
            if self._chance(10):
                return self._json(place, get_nullable_type(kind.of_type))
            return [self._json(place, kind.of_type) for _ in range(self.draw(st.integers(0, 3)))]
        if isinstance(kind, GraphQLInputObjectType):
            return {name: self._json(f"{kind.name}.{name}", each.type) for name, each in self._some_of(kind)}
        if self._chance(2):
            return self._one_of(WRONG.get(kind.name, ("NO SUCH", 1, True)))
        return self._one_of(self._values(place, kind))

    def _given(self) -> dict[str, Any]:
        given: dict[str, Any] = {"unknown": [1]} if self._chance(3) else {}
        for name, variable in self._shuffled(list(self.variables.items())):
            may_be_absent = variable.default is not None or not isinstance(variable.kind, GraphQLNonNull)
            if variable.is_token:
                if self._chance(50):
                    given[name] = None
            elif not (may_be_absent and self._chance(30)):
                given[name] = self._json(variable.place, variable.kind)
        return given

    def _some_of(self, kind: GraphQLInputObjectType) -> list[tuple[str, GraphQLInputField]]:
        given = [each for each in kind.fields.items() if is_required_input_field(each[1]) or self._chance(35)]
        return self._shuffled(given)

    def _values(self, place: str, kind: Any) -> Sequence[Any]:
        if isinstance(kind, GraphQLEnumType):
            return list(kind.values)
        if kind.name == "Boolean":
            return (True, False)
        names = (place, place.split(".")[-1], kind.name)
        return self.known[next((name for name in names if name in self.known), kind.name)]

    def _directives(self) -> str:
        if not self._chance(10):
            return ""
        names = ("skip", "include") if self._chance(20) else ("skip",) if self._chance(50) else ("include",)
        condition = GraphQLNonNull(GraphQLBoolean)
        return " ".join(f"@{name}(if: {self._written('if', condition)})" for name in names) + " "

    def _chance(self, percent: int) -> bool:
        return self.draw(PERCENT) >= 100 - percent

    def _one_of(self, things: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(things))

    def _shuffled(self, things: list[Any]) -> list[Any]:
        return list(self.draw(st.permutations(things))) if len(things) > 1 and self._chance(20) else things


def _chance_of(argument: str, depth: int) -> int:
    # Lists in lists would soon cost more than is allowed.
    return {"limit": 50 if depth == 0 else 90, "nextToken": 30, "filter": 50}.get(argument, 35)


def _in_brackets(parts: Sequence[str]) -> str:
    return f"({', '.join(parts)})" if parts else ""


def _literal(kind: Any, value: Any) -> str:
    return str(value) if isinstance(kind, GraphQLEnumType) else json.dumps(value)
