"""What all tables have in common: names for their constraints, instants, periods of days, and texts."""

from typing import Any

from sqlalchemy import Boolean, CheckConstraint, ColumnElement, DateTime, func, text
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint
from sqlmodel import Field, SQLModel

# A refusal is recognised by the name of its constraint; these are the names of those that no table names itself.
SQLModel.metadata.naming_convention = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_name)s_once",
    "ix": "%(table_name)s_%(column_0_name)s",
}


class Table(SQLModel):
    """A table of ours: its columns may hold ranges and other types that are Postgres's own."""

    model_config = {"arbitrary_types_allowed": True}


def created_at_column() -> Any:
    """Return a column that says when the row came to be."""
    return Field(default=None, sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": func.now()})


def updated_at_column() -> Any:
    """Return a column that says when the row last changed."""
    server_now = {"server_default": func.now(), "onupdate": func.now()}
    return Field(default=None, sa_type=DateTime(timezone=True), sa_column_kwargs=server_now)


def timestamp_column() -> Any:
    """Return a column that holds an instant, or nothing yet."""
    return Field(default=None, sa_type=DateTime(timezone=True), nullable=True)


def period_column(*, primary_key: bool = False) -> Any:
    """Return a column of periods of settlement dates, `[from, until)`."""
    return Field(sa_type=DATERANGE, primary_key=primary_key)


def covers_day(period: Any, day: Any) -> ColumnElement[bool]:
    """
    Return whether a period holds on a day, of rows that are found by something else.

    As the operator it is, Postgres would take any day that it does not know yet for a rare one, and expect next to no
    rows, where most hold on it.
    """
    return func.range_contains_elem(period, day, type_=Boolean)


def text_length_check(table: str, column: str, *, max_length: int) -> CheckConstraint:
    """Return the constraint that a text is neither blank nor longer than an index holds."""
    return CheckConstraint(
        f"{column} = btrim({column}) and char_length({column}) between 1 and {max_length}",
        name=f"{table}_{column}_is_text",
    )


def no_overlap(table: str, *columns: str, period: str = "effective", name: str) -> ExcludeConstraint:
    """
    Return the constraint that no two rows alike in some columns hold on the same day.

    Its index is for nothing else. Postgres takes it to be as good as a B-tree, which answers in a fifth of the time; so
    its columns are written as what they are the greatest of, by which no query looks for them.
    """
    alike = [(text(f"greatest({column})"), "=") for column in columns]
    return ExcludeConstraint(*alike, (text(f"greatest({period})"), "&&"), using="gist", name=f"{table}_{name}")


def not_empty_check(table: str, *, period: str = "effective") -> CheckConstraint:
    """Return the constraint that a period has at least one day."""
    return CheckConstraint(f"not isempty({period})", name=f"{table}_{period}_has_days")
