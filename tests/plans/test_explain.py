"""`vpp explain` prints the plans of a document's operations, without a database."""

import json
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner, Result

from graph.commands.main import app
from graph.plans import compiler

SITES = "{ listSites { items { nmi vpp { name } } nextToken } }"
SITES_PLAN = """\
query (role ADMIN)

-- Statement 1: Query.listSites, a page
-- $1 = rows
SELECT sites.nmi AS column_0, CAST(sites.id AS VARCHAR) AS column_1
FROM sites ORDER BY sites.nmi ASC
LIMIT $1::INTEGER;

-- Statement 2: Site.vpp, for several parent objects
-- $1 = today, $2 = keys
SELECT vpps.name AS column_0, CAST(memberships.site_id AS VARCHAR) AS parent_key
FROM vpps JOIN price_schedules ON price_schedules.vpp_id = vpps.id AND range_contains_elem(price_schedules.effective, \
$1::DATE) JOIN memberships ON memberships.vpp_id = vpps.id
WHERE memberships.site_id = ANY ($2::UUID[]) AND range_contains_elem(memberships.effective, $1::DATE);

async def plan(run, values):
    page1 = await run.page(query1, arguments1(values), projection1, 'listSites', (0,))
    rows1 = page1.rows
    rows2 = await run.related(query2, arguments2(values), projection2, [row1[1] for row1 in rows1])
    by_key2 = {row2[-1]: {'name': row2[0]} for row2 in rows2}
    return {'listSites': {'items': [{'nmi': row1[0], 'vpp': by_key2.get(row1[1])} for row1 in page1.rows], \
'nextToken': page1.next_token}}

"""
NO_PLAN = "No plan: {}. Strawberry runs this operation field by field.\n\n"
ID_MISSING = "Variable '$id' has invalid value: Expected a value of non-null type 'ID!' to be provided."
ID = "00000000-0000-4000-8000-000000000000"


def explained(document: str, *options: str) -> Result:
    return CliRunner().invoke(app, ["explain", "-", *options], input=document)


def test_plan_is_printed_as_its_statements_and_its_python_function() -> None:
    result = explained(SITES)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == SITES_PLAN


def test_document_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "sites.graphql").write_text(SITES)

    result = CliRunner().invoke(app, ["explain", str(tmp_path / "sites.graphql")])

    assert result.stdout == SITES_PLAN


def test_docstring_of_the_compiler_shows_the_generated_function() -> None:
    example = dedent((compiler.__doc__ or "").partition("the function is\n\n")[2].partition("\n\nwhere")[0])

    _title, *_statements, function = (
        explained("{ listSites { items { nmi vpp { name } } } }").stdout.strip().split("\n\n")
    )

    assert function == example


@pytest.mark.parametrize(
    ("document", "title", "reason"),
    [
        ("{ getCaller { name } }", "query", "Query.getCaller is computed by a Python function"),
        (
            f'query Stale {{ getRevenueReport(id: "{ID}") {{ isStale }} }}',
            "query Stale",
            "RevenueReport.isStale is computed by a Python function",
        ),
        ("{ __schema { queryType { name } } }", "query", "__schema is an introspection field"),
        ("subscription { onRevenueReport { id } }", "subscription", "a subscription is not a single read"),
        (
            'mutation { updateVpp(input: {id: "1"}) { sites { nextToken } } }',
            "mutation",
            "Vpp.sites is more than a column of the object that updateVpp returns",
        ),
        (
            f'query ($after: String = "x") {{ getVpp(id: "{ID}") {{ sites(nextToken: $after) {{ nextToken }} }} }}',
            "query",
            "a list of a nested object is continued by a nextToken",
        ),
    ],
)
def test_reason_is_printed_where_an_operation_has_no_plan(document: str, title: str, reason: str) -> None:
    result = explained(document)

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{title} (role ADMIN)\n\n{NO_PLAN.format(reason)}"


def test_plan_depends_on_the_role() -> None:
    result = explained("{ listApiKeys { nextToken } }", "--role", "READER")

    assert result.stdout == f"query (role READER)\n\n{NO_PLAN.format('the role READER may not read Query.listApiKeys')}"


def test_statements_depend_on_the_variables() -> None:
    document = "query ($filter: SiteFilterInput, $n: Int) { listSites(filter: $filter, limit: $n) { items { nmi } } }"

    result = explained(document, "--variables", json.dumps({"filter": {"addressContains": "King"}, "other": 1}))

    statement = result.stdout.split("\n\n")[1]
    assert statement.splitlines() == [
        "-- Statement 1: Query.listSites, a page",
        "-- $1 = filter_address_contains, $2 = 0, $3 = rows",
        "SELECT sites.nmi AS column_0",
        "FROM sites",
        "WHERE strpos(lower(sites.address), lower(normalize($1))) > $2::INTEGER ORDER BY sites.nmi ASC",
        "LIMIT $3::INTEGER;",
    ]


def test_lists_of_one_parent_object_and_of_several_have_statements_of_their_own() -> None:
    result = explained(
        f"""{{ getVpp(id: "{ID}") {{ sites {{ items {{ events {{ items {{ lineNumber }} }} }} }} }} }}"""
    )

    titles = [line for line in result.stdout.splitlines() if line.startswith("-- Statement")]
    assert titles == [
        "-- Statement 1: Query.getVpp",
        "-- Statement 2: Vpp.sites, a page for one parent object",
        "-- Statement 3: Site.events, a page for each of several parent objects",
    ]


def test_mutation_is_printed_without_statements() -> None:
    result = explained('mutation { startImport(input: {id: "1"}) { id } }')

    _title, statements, function = result.stdout.strip().split("\n\n")
    assert statements == "-- No statements: the resolver of each mutation runs its own."
    assert "await run.mutate(" in function


def test_every_operation_of_a_document_is_explained_and_each_takes_its_own_variables() -> None:
    document = "query A($id: ID!) { getVpp(id: $id) { name } } query B { getCaller { name } }"

    result = explained(document, "--variables", json.dumps({"id": ID}))

    assert [line for line in result.stdout.splitlines() if "(role" in line] == [
        "query A (role ADMIN)",
        "query B (role ADMIN)",
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{ getCaller {", "Syntax Error: Expected Name, found <EOF>."),
        ("{ getCaller { nme } }", "Cannot query field 'nme' on type 'Caller'. Did you mean 'name'?"),
        ("fragment A on Vpp { id }", "Fragment 'A' is never used."),
    ],
)
def test_invalid_document_ends_with_its_errors_and_status_1(document: str, message: str) -> None:
    result = explained(document)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[0] == message


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("query A($id: ID!) { getVpp(id: $id) { id } }", ID_MISSING),
        ("query A { listSites(limit: 201) { nextToken } }", "A limit is from 1 to 200, not 201."),
        (
            'query A { getVpp(id: "1") { id } }',
            'An id is a UUID, such as 6f9619ff-8b86-4d01-b42d-00c04fc964ff, not "1".',
        ),
        (
            "query A { listVpps(limit: 200) { items { sites(limit: 200) { nextToken } } } }",
            "The operation costs 40401; the limit is 12000. Request smaller pages, or fewer nested lists.",
        ),
    ],
)
def test_rejected_operation_does_not_hide_the_plans_of_others(operation: str, message: str) -> None:
    result = explained(f"{operation} query B {{ getCaller {{ name }} }}")

    assert result.exit_code == 1
    assert result.stdout.startswith("query B (role ADMIN)\n\nNo plan: ")
    assert result.stderr.splitlines()[:3] == ["query A (role ADMIN)", "", message]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--role", "NOBODY"], "--role is one of MEMBER, READER, OPERATOR, ADMIN, not NOBODY."),
        (["--variables", "{"], "--variables is not JSON: Expecting property name enclosed in double quotes:"),
        (["--variables", "[]"], '--variables is a JSON object, such as {"limit": 10}.'),
    ],
)
def test_wrong_option_is_reported(options: list[str], message: str) -> None:
    result = explained(SITES, *options)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(message)


def test_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["explain", str(tmp_path / "none.graphql")])

    assert (result.exit_code, result.stderr) == (
        1,
        f"{tmp_path}/none.graphql cannot be read: No such file or directory.\n",
    )
