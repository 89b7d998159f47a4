"""Statement functions are called with placeholders in place of the values of their arguments."""

import operator
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import strawberry
from sqlalchemy import Date, func, select
from sqlmodel import col

from db.engine.database import ReadStatement
from db.engine.scope import UNRESTRICTED
from db.sites import Site
from db.vpps import Vpp
from graph.resolvers.reads import FieldQuery, Placeholder, Projection, ReadContext, ValueNotKnown, bind

ADVICE = (
    "The value of 'name' is not known when the statement is written; pass it to SQL as it is,"
    " or convert it with read.parsed(value, parse, kind)."
)


@pytest.mark.parametrize(
    "use",
    [
        lambda value: value.strip(),
        lambda value: value["key"],
        bool,
        len,
        list,
        str,
        hash,
        lambda value: f"{value}",
        lambda value: f"{value:>9}",
        lambda value: "part" in value,
        lambda value: value in {"one", "two"},
        lambda value: value in ("one", "two"),
        lambda value: value == "one",
        lambda value: value != "one",
        *(
            lambda value, compare=compare: compare(value, 5)
            for compare in (operator.lt, operator.le, operator.gt, operator.ge)
        ),
        lambda value: value > 1,
        int,
        float,
        range,
    ],
)
def test_python_code_that_needs_the_value_of_a_placeholder_fails_with_advice(use: Callable[[Any], object]) -> None:
    with pytest.raises(ValueNotKnown) as error:
        use(Placeholder("name"))

    assert str(error.value) == ADVICE


def test_placeholder_is_not_none_and_has_a_repr() -> None:
    placeholder: Any = Placeholder("name")

    assert placeholder is not None
    assert repr(placeholder) == "Placeholder('name')"


def test_placeholder_is_a_bind_parameter_in_sql() -> None:
    name: Any = Placeholder("name")
    day: Any = Placeholder("day", Date())

    statement = select(col(Vpp.id)).where(col(Vpp.name) == name, func.lower(name) != "", func.upper(day) > day)

    compiled: Any = statement.compile()
    assert str(compiled).split("WHERE ")[1] == "vpps.name = :name AND lower(:name) != :lower_1 AND upper(:day) > :day"
    assert isinstance(compiled.binds["day"].type, Date)


@strawberry.input
class _Filter:
    name_contains: str | None = None
    is_old: bool | None = None


def _sites(read: ReadContext, since: date, filter: _Filter | None = None) -> ReadStatement:
    statement = select(col(Site.id)).where(col(Site.created_at) >= since)
    if filter is not None and filter.name_contains is not None:
        statement = statement.where(col(Site.address) == read.parsed(filter.name_contains, str.strip))
    if filter is not None and filter.is_old is True:
        statement = statement.where(col(Site.nmi) == "old")
    return statement


def test_statement_function_may_test_for_none_and_booleans_and_parse_values() -> None:
    query, arguments = (
        FieldQuery(_sites),
        {"since": date(2025, 9, 1), "filter": _Filter(name_contains=" a ", is_old=True)},
    )

    statement, values = bind(query, arguments, Projection(), {}, UNRESTRICTED)

    assert statement.text.split("WHERE ")[1] == (
        "sites.created_at >= $1::DATE AND sites.address = $2::VARCHAR AND sites.nmi = $3::VARCHAR"
    )
    assert statement.arguments(values) == [date(2025, 9, 1), "a", "old"]


def test_statement_function_that_uses_a_value_always_fails() -> None:
    def sites(_read: ReadContext, filter: _Filter) -> ReadStatement:
        return select(col(Site.id)).where(col(Site.address) == (filter.name_contains or "").strip())

    with pytest.raises(ValueNotKnown, match="The value of 'filter_name_contains' is not known"):
        bind(FieldQuery(sites), {"filter": _Filter(name_contains="a")}, Projection(), {}, UNRESTRICTED)


def test_only_an_argument_of_the_statement_can_be_parsed() -> None:
    with pytest.raises(TypeError, match=r"read\.parsed\(\) takes an argument of the statement function, not 'name'"):
        ReadContext(UNRESTRICTED).parsed("name", str.strip)
