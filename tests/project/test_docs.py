"""The docs as a whole: every page can be reached from docs/index.md, and every link to a heading finds it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def links(page: Path) -> list[tuple[Path, str]]:
    """Return the relative links of a page: the file, and the heading or an empty text."""
    found = LINK.findall(page.read_text(encoding="utf-8"))
    return [((page.parent / to).resolve() if to else page, heading) for to, heading in found if "://" not in to]


def slugs(page: Path) -> set[str]:
    """Return the headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def reachable(start: Path) -> set[Path]:
    found, waiting = set(), [start]
    while waiting:
        page = waiting.pop()
        if page in found or not page.is_file():
            continue
        found.add(page)
        if page.suffix == ".md":
            waiting += [to for to, _ in links(page)]
    return found


def test_every_page_can_be_reached_from_the_index() -> None:
    reached = reachable(DOCS / "index.md")
    missing = [str(page.relative_to(DOCS)) for page in sorted(DOCS.rglob("*.md")) if page not in reached]
    assert missing == []


def test_every_link_to_a_heading_finds_it() -> None:
    pages = [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    broken = [
        f"{page.relative_to(ROOT)}: {to.name}#{heading}"
        for page in pages
        for to, heading in links(page)
        if heading and to.suffix == ".md" and to.is_file() and heading not in slugs(to)
    ]
    assert broken == []


def test_a_heading_is_linked_by_its_words(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n## Names of beds: `bed_id`, and rooms\n", encoding="utf-8")
    assert slugs(page) == {"a-page", "names-of-beds-bed_id-and-rooms"}
