"""Values as an operation is given them: written in its document, or in variables that are drawn beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLNonNull,
    get_nullable_type,
    is_list_type,
    is_required_input_field,
)
from hypothesis import strategies as st

PERCENT = st.integers(0, 99)
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


class Drawing:
    """What Hypothesis is asked for; the least of it comes first, for that is what it makes examples small to."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def chance(self, percent: int) -> bool:
        return self.draw(PERCENT) >= 100 - percent

    def one_of(self, things: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(things))

    def shuffled(self, things: list[Any]) -> list[Any]:
        return list(self.draw(st.permutations(things))) if len(things) > 1 and self.chance(20) else things


@dataclass
class Variable:
    """A variable as it is declared."""

    kind: Any
    # What it is a value of, and for what.
    of: Any
    place: str
    default: str | None
    # Of a page: it gets its values from answers.
    is_token: bool = False


class Values(Drawing):
    """Values that are `known` by the name of what they are given for, or by their type, and the variables of some."""

    def __init__(self, draw: st.DrawFn, known: Mapping[str, Sequence[Any]]) -> None:
        super().__init__(draw)
        self._known = known
        self.variables: dict[str, Variable] = {}

    def declared(self, names: set[str]) -> list[str]:
        """Write down the declarations of those of some variables that are ours."""
        return [
            f"${name}: {each.kind}{'' if each.default is None else f' = {each.default}'}"
            for name, each in self.variables.items()
            if name in names
        ]

    def written(self, place: str, kind: Any) -> str:
        """Write a value down, or a variable that holds one."""
        if not self.chance(40):
            return self.literal(place, kind)
        alike = [
            name
            for name, each in self.variables.items()
            if not each.is_token and str(each.of) == str(kind) and each.place.split(".")[-1] == place.split(".")[-1]
        ]
        if alike and self.chance(40):
            return f"${self.one_of(alike)}"
        return f"${self._variable(place, kind)}"

    def literal(self, place: str, kind: Any, *, constant: bool = False) -> str:
        """Write a value down, with variables in it where these may be."""

        def inner(inner_place: str, inner_kind: Any) -> str:
            if constant:
                return self.literal(inner_place, inner_kind, constant=True)
            return self.written(inner_place, inner_kind)

        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        elif self.chance(8):
            return "null"
        if is_list_type(kind):
            if self.chance(10):
                return self.literal(place, get_nullable_type(kind.of_type), constant=constant)
            return f"[{', '.join(inner(place, kind.of_type) for _ in range(self.draw(st.integers(0, 3))))}]"
        if isinstance(kind, GraphQLInputObjectType):
            given = [f"{name}: {inner(f'{kind.name}.{name}', each.type)}" for name, each in self._some_of(kind)]
            return f"{{{', '.join(given)}}}"
        value = self.one_of(self._values(place, kind))
        return str(value) if isinstance(kind, GraphQLEnumType) else json.dumps(value)

    def token(self, place: str, kind: Any, name: str) -> str:
        """Write a token down, or the variable of a name, which is given no value here."""
        if self.chance(25):
            return self.literal(place, kind)
        self.variables[name] = Variable(kind, kind, place, None, is_token=True)
        return f"${name}"

    def given(self) -> dict[str, Any]:
        """Draw what the variables are given."""
        given: dict[str, Any] = {"unknown": [1]} if self.chance(3) else {}
        for name, variable in self.shuffled(list(self.variables.items())):
            may_be_absent = variable.default is not None or not isinstance(variable.kind, GraphQLNonNull)
            if variable.is_token:
                if self.chance(50):
                    given[name] = None
            elif not (may_be_absent and self.chance(30)):
                given[name] = self._json(variable.place, variable.kind)
        return given

    def _variable(self, place: str, kind: Any) -> str:
        of, declared, default = kind, kind, None
        if isinstance(kind, GraphQLNonNull):
            if self.chance(30):
                declared, default = kind.of_type, self.literal(place, kind, constant=True)
            elif self.chance(10):
                default = self.literal(place, kind, constant=True)
        elif self.chance(15):
            declared = GraphQLNonNull(kind)
        elif self.chance(25):
            default = self.literal(place, kind, constant=True)
        name = f"v{len(self.variables)}"
        self.variables[name] = Variable(declared, of, place, default)
        return name

    def _json(self, place: str, kind: Any) -> Any:
        """Draw a value as it is given for a variable."""
        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        elif self.chance(8):
            return None
        if is_list_type(kind):
            if self.chance(10):
                return self._json(place, get_nullable_type(kind.of_type))
            return [self._json(place, kind.of_type) for _ in range(self.draw(st.integers(0, 3)))]
        if isinstance(kind, GraphQLInputObjectType):
            return {name: self._json(f"{kind.name}.{name}", each.type) for name, each in self._some_of(kind)}
        if self.chance(2):
            return self.one_of(WRONG.get(kind.name, ("NO SUCH", 1, True)))
        return self.one_of(self._values(place, kind))

    def _some_of(self, kind: GraphQLInputObjectType) -> list[tuple[str, GraphQLInputField]]:
        given = [each for each in kind.fields.items() if is_required_input_field(each[1]) or self.chance(35)]
        return self.shuffled(given)

    def _values(self, place: str, kind: Any) -> Sequence[Any]:
        if isinstance(kind, GraphQLEnumType):
            return list(kind.values)
        if kind.name == "Boolean":
            return (True, False)
        names = (place, place.split(".")[-1], kind.name)
        return self._known[next((name for name in names if name in self._known), kind.name)]
