"""The site of `make docs`: no warning, every page in the nav, every link inside it, each page read as on GitHub."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
ROOT_PAGES = {"README": "index", "CONTRIBUTING": "contributing", "PAPERS": "papers", "SECURITY": "security"}
ROOT_PAGES["CHANGELOG"] = "changelog"
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *(ROOT / f"{name}.md" for name in ROOT_PAGES)]
TAGS = (
    "h1",
    "h2",
    "h3",
    "li",
    "ol",
    "ul",
    "table",
    "th",
    "td",
    "pre",
    "code",
    "a",
    "img",
    "strong",
    "em",
    "blockquote",
)
LOADED = re.compile(r"<(?:script|img|iframe)\b[^>]*\bsrc=\"?([^\"\s>]+)|<link\b[^>]*\bhref=\"?([^\"\s>]+)")
SKIPPED = (".*", "*.egg-info", "build", "demo", "runs", "site", "__pycache__", "tests")


def build(repository: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(ROOT, folder)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what the site is made from, to damage."""
    return shutil.copytree(ROOT, tmp_path / "copy", ignore=shutil.ignore_patterns(*SKIPPED), symlinks=True)


def nav_pages(entries: list[object]) -> Iterator[str]:
    """The pages that an MkDocs nav names, in its order."""
    for entry in entries:
        for target in entry.values() if isinstance(entry, dict) else [entry]:
            yield from nav_pages(target) if isinstance(target, list) else [str(target)]


def article(site: Path, page: Path) -> str:
    """What the site shows of a page, without the anchors that the theme adds."""
    html = (site / f"{ROOT_PAGES.get(page.stem, page.stem)}.html").read_text()
    body = html[html.index("<article") : html.index("</article>")]
    return re.sub(r'<a class="headerlink".*?</a>|<a id="__codelineno[^>]*></a>', "", body)


def count_tags(html: str) -> Counter[str]:
    return Counter(tag for tag in re.findall(r"<(\w+)[ >/]", html) if tag in TAGS)


def test_every_page_is_in_the_nav_once() -> None:
    pages = [ROOT_PAGES.get(page.stem, page.stem) + ".md" for page in PAGES]
    assert sorted(nav_pages(SETTINGS["nav"])) == sorted(pages)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_site_reads_a_page_as_github_does(page: Path, site: Path) -> None:
    as_on_github = MarkdownIt("commonmark").enable("table").render(page.read_text())
    assert count_tags(article(site, page)) == count_tags(as_on_github)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_of_the_site(page: Path, site: Path) -> None:
    for link in re.findall(r'(?:href|src)="([^"#]+)', article(site, page)):
        assert re.match(r"https?:", link) or (site / link).is_file(), f"{page.name}: {link} leads to no file"


def test_a_link_to_a_source_file_leads_to_a_page_that_shows_it(site: Path) -> None:
    assert 'href="source/sparring/types.py.html"' in article(site, ROOT / "docs" / "episode.md")
    shown = re.sub(r"<[^>]+>", "", (site / "source/sparring/types.py.html").read_text())
    assert (ROOT / "sparring" / "types.py").read_text().splitlines()[0].strip('"') in shown


def test_no_page_loads_anything_from_another_server(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        for source, stylesheet in LOADED.findall(page.read_text()):
            assert not re.match(r"(https?:)?//", source or stylesheet), f"{page.name} loads {source or stylesheet}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "added", "message"),
    [
        ("docs/agent.md", "\n[gone](gone.md)\n", "'gone.md'"),
        ("docs/agent.md", "\n[gone](../sparring/gone.py)\n", "'../sparring/gone.py'"),
        ("docs/agent.md", "\n[gone](episode.md#gone)\n", "does not contain an anchor '#gone'"),
        ("README.md", "\n[gone](docs/gone.md)\n", "'docs/gone.md'"),
        ("docs/forgotten.md", "# A page that nobody finds\n", 'not included in the "nav"'),
    ],
)
def test_a_link_that_leads_nowhere_or_a_page_without_a_nav_line_fails(
    file: str, added: str, message: str, repository: Path, tmp_path: Path
) -> None:
    with (repository / file).open("a") as page:
        page.write(added)
    done = build(repository, tmp_path / "site")
    assert done.returncode != 0
    assert message in done.stderr
