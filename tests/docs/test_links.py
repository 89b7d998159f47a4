"""The links and file paths of the documentation lead to files and headings that exist."""

import re
from functools import cache
from urllib.parse import unquote

import pytest

from tests.fixtures.markdown import ROOT, headings, without_blocks

PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "db/CONVENTIONS.md")),
        *(ROOT / "docs").rglob("*.md"),
    )
)
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
CODE = re.compile(r"`([^`\n]+)`")
# An entity that does not exist, the example in docs/architecture.md for adding an entity.
EXAMPLE_ENTITY = "payouts"
# A path of the repository: folders and a file with an extension, in one of the repository's own folders.
PATH = re.compile(r"(?:[\w.-]+/)+[\w.*-]+\.[a-z]{1,7}")


@cache
def read(page: str) -> str:
    file = ROOT / page
    assert file.is_file(), f"{page} is missing: the documentation links to it."
    return file.read_text(encoding="utf-8")


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as hosting platforms make them."""
    found: set[str] = set()
    for heading in headings(read(page)):
        text = LINK.sub(lambda match: match[0][match[0].index("[") + 1 : match[0].index("]")], heading)
        # Letters, digits, _ and - are kept, blanks become -, and everything else is removed.
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = sum(1 for each in found if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", each))
        found.add(f"{anchor}-{count}" if anchor in found else anchor)
    return found


def links(page: str) -> list[str]:
    """Return the relative links of a page."""
    text = CODE.sub("", without_blocks(read(page)))
    return [target for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)]


def problem(page: str, link: str) -> str | None:
    """Return the fault of a relative link on a page; None if the file and the heading exist."""
    path, _, anchor = unquote(link).partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    if not target.exists():
        return f"{link}: there is no {path}"
    if not target.resolve().is_relative_to(ROOT):
        return f"{link}: it leads out of the repository"
    if anchor and target.suffix == ".md":
        target_page = str(target.resolve().relative_to(ROOT.resolve()))
        if anchor not in anchors(target_page):
            return f"{link}: {target_page} has no heading with the anchor {anchor}"
    return None


def repository_paths(text: str) -> set[str]:
    """Return the file paths in backticks that begin with a folder at the top of the repository."""
    folders = {each.name for each in ROOT.iterdir() if each.is_dir()}
    return {
        code
        for code in CODE.findall(without_blocks(text))
        if PATH.fullmatch(code) and code.partition("/")[0] in folders
    }


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_to_a_file_and_a_heading(page: str) -> None:
    problems = [fault for link in links(page) if (fault := problem(page, link))]
    assert not problems, f"{page} has broken links:\n" + "\n".join(problems)


@pytest.mark.parametrize("page", PAGES)
def test_paths_in_backticks_exist(page: str) -> None:
    missing = [path for path in sorted(repository_paths(read(page))) if EXAMPLE_ENTITY not in path and not exists(path)]
    assert not missing, f"{page} names files that do not exist: {', '.join(missing)}. Correct the paths."


def exists(path: str) -> bool:
    # Built files, such as those of the console, are not in a fresh checkout.
    return path.startswith("graph/static/") or any(True for _ in ROOT.glob(path))


def test_links_are_found() -> None:
    """The patterns find the links and the paths of a page that has both."""
    assert "docs/api/errors.md" in links("CONTRIBUTING.md")
    assert "schema.graphql" not in repository_paths("`schema.graphql`")
    assert repository_paths("See `db/vpps.py`, `a/b.c` and `db.vpps`.") == {"db/vpps.py"}


def test_anchors_follow_the_headings() -> None:
    assert {"signed-requests-aws_iam", "appsyncs-real-time-protocol"} <= anchors("docs/authentication.md") | anchors(
        "docs/api/subscriptions.md"
    )


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("docs/missing.md", "docs/missing.md: there is no docs/missing.md"),
        ("../x.md", "../x.md: there is no ../x.md"),
        ("docs/cli.md#vpp-dance", "docs/cli.md#vpp-dance: docs/cli.md has no heading with the anchor vpp-dance"),
        ("docs/cli.md#vpp-serve", None),
    ],
)
def test_broken_links_are_noticed(link: str, fault: str | None) -> None:
    assert problem("CONTRIBUTING.md", link) == fault


def test_every_page_of_the_documentation_is_linked() -> None:
    """A page that no other page links to is not found by readers."""
    linked = set()
    for page in PAGES:
        for link in links(page):
            path = unquote(link).partition("#")[0]
            if path.endswith(".md"):
                linked.add(str(((ROOT / page).parent / path).resolve().relative_to(ROOT.resolve())))
    unlinked = [page for page in PAGES if page.startswith("docs/") and page not in linked]
    assert not unlinked, f"No page links to {', '.join(unlinked)}: link to it from README.md."
