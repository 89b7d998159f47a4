"""The two ways to the answer of an operation, on one database that holds a little of everything."""

import json
from collections.abc import Iterator
from typing import Any

from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from structlog.testing import capture_logs

from db.engine import Database
from graph.callers import Caller
from graph.context import Context
from graph.documents import Documents
from graph.object_store import ObjectStore
from graph.operations import Operation
from graph.plans import planned_answer
from graph.schema import schema
from graph.streams import Result
from tests.api import Api
from tests.graph.fleet import MONTHS, NAMES, NMIS, PARK_DAYS, Fleet, with_check_digit

ABSENT = "00000000-0000-4000-8000-000000000000"
QUERY = schema._schema.query_type
assert QUERY is not None
LISTS = [name for name, field in QUERY.fields.items() if "nextToken" in field.args]


class Ways:
    """The two ways to an answer, on the same data."""

    def __init__(self, api: Api, database: Database, object_store: ObjectStore, fleet: Fleet) -> None:
        self.api = api
        self.database = database
        self.object_store = object_store
        self.fleet = fleet
        self.documents = Documents()

    async def strawberrys(self, operation: Operation, caller: Caller) -> bytes | None:
        """Answer as Strawberry does; None where it answers nothing."""
        try:
            result = await schema.execute(
                operation.query,
                variable_values=dict(operation.variables),
                context_value=self._context(caller),
                operation_name=operation.name,
            )
        except (CannotGetOperationTypeError, InvalidOperationTypeError):
            return None
        return Result.of(result).payload.encode()

    async def planned(self, operation: Operation, caller: Caller) -> bytes | None:
        """Answer by a plan, if there is one; that one fails where nobody expects it to is told by the log alone."""
        with capture_logs() as logs:
            answer = await planned_answer(operation, self._context(caller))
        assert "A plan failed" not in [line["event"] for line in logs], (logs, caller, operation)
        return answer

    async def both(self, operation: Operation, caller: str) -> tuple[bytes | None, bytes | None]:
        """Return what Strawberry answers, and what a plan does: the same, if it does."""
        expected = await self.strawberrys(operation, self.fleet.callers[caller])
        answer = await self.planned(operation, self.fleet.callers[caller])
        assert answer is None or answer == expected, (caller, operation)
        return expected, answer

    def _context(self, caller: Caller) -> Context:
        return Context(
            database=self.database,
            notices=self.api.notices,
            object_store=self.object_store,
            request_id="the same",
            caller=caller,
            documents=self.documents,
        )


async def known_values(ways: Ways) -> dict[str, Any]:
    """Values that mean something, by what they are given for."""
    ids = ways.fleet.ids
    lists = " ".join(f"{name}(limit: 1) {{ nextToken }}" for name in LISTS)
    answer = await ways.strawberrys(Operation(f"{{ {lists} }}", {}, None), ways.fleet.callers["ADMIN"])
    tokens = dict(tokens_of(json.loads(answer or "")))
    some = {f"get{kind}.id": (*each, *each, ABSENT, each[0].upper(), f"{{{each[0]}}}") for kind, each in ids.items()}
    days = ("2025-08-31", "2025-09-01", "2025-09-10Z", "2025-09-16", "2025-10-01", "2099-01-01", "0001-01-01")
    return {
        **some,
        "ID": (*[id for each in ids.values() for id in each[:2]], ABSENT, "none", ""),
        "vppId": (*ids["Vpp"], *ids["Vpp"], ABSENT),
        "objectId": (*ids["Vpp"], *ids["Site"], ids["Vpp"][0].upper()),
        "name": (*NAMES, f" {NAMES[1]} ", *(name for name, *_ in PARK_DAYS), "nobody's"),
        "__type.name": ("Query", "Vpp", "ImportStatus", "SiteFilterInput", "AWSDate", "nothing"),
        "nmi": (*NMIS, *map(with_check_digit, NMIS[:3]), "N0B0DYS000"),
        "month": (*MONTHS, *MONTHS, "1900-01"),
        "nameContains": ("n", "ÜN", "🔋", "%", "", NAMES[2]),
        "addressContains": ("st", "🔋 ST", "\\", "1 "),
        "parkNames": (*(name for name, *_ in PARK_DAYS), "nobody's", NAMES[0]),
        "timezones": (*(timezone for _, timezone, _ in PARK_DAYS), "Nowhere/At_All"),
        "objectType": ("Vpp", "Site", "Battery", "Import", "vpp"),
        "action": ("createVpp", "updateVpp", "assignSite", "revertImport", ""),
        "callerName": ("bootstrap", NAMES[0]),
        "limit": (1, 2, 3, 1, 2, 3, 5, 7, 50, 200),
        **{f"{name}.nextToken": (token, token, token, "rubbish") for name, token in tokens.items()},
        "nextToken": (*tokens.values(), ""),
        "Float": (0, 33.3, 1e400, 1e22, -1),
        "AWSDate": days,
        "AWSDateTime": (
            *("2025-09-01T00:00Z", "2025-10-26T00:30:00+02:00", "2025-10-26T02:30:00.123456789+01:00"),
            *("2025-03-30T01:00:00Z", "1970-01-01T00:15-00:44:30", "2025-10-05T02:00:00+11:00", "9999-12-31T23:59Z"),
        ),
    }


def tokens_of(answer: Any) -> Iterator[tuple[str, str]]:
    """List the tokens of later pages in an answer, each with the name of its list."""
    parts = answer.items() if isinstance(answer, dict) else enumerate(answer) if isinstance(answer, list) else ()
    for name, part in parts:
        if isinstance(part, dict) and isinstance(part.get("nextToken"), str):
            yield str(name), part["nextToken"]
        yield from tokens_of(part)
