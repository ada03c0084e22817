"""Makes the site from pages that are read on GitHub too (an MkDocs hook, see mkdocs.yml).

On GitHub a page links to any file of the repository. The site holds the pages, and under `source/` each file that a
page links to: every link leads somewhere, without a server of somebody else.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
ROOT_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "PAPERS.md": "papers.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
"""File at the repository's root -> page of the site."""
HIGHLIGHTED = {".py": "python", ".json": "json", ".toml": "toml", ".yml": "yaml", ".yaml": "yaml"}
"""Files with these suffixes become a page that shows them; others are copied as they are."""
FENCE_OR_LINK = re.compile(r"^```.*?^```$|(!?\[[^\]]*\]\()([^)\s#]+)", re.MULTILINE | re.DOTALL)
NEEDS_BLANK_LINE = re.compile(r"^```.*?^```$|^[^\s`|#>-][^\n]*\n(?=(?:-|1\.) )", re.MULTILINE | re.DOTALL)
"""What Python-Markdown, unlike GitHub, joins with the block that follows: a fence, a line of text above a list."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages at the repository's root, then the files that pages link to."""
    for name, uri in ROOT_PAGES.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / name)))
    origins = [Path(str(file.abs_src_path)) for file in files.documentation_pages()]
    for target in sorted({target for origin in origins for target in linked_files(origin)}):
        if files.get_file_from_path(site_uri(target)) is None:
            files.append(source_file(target, config))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of a page to where their targets lie in the site, and part its blocks as GitHub does."""
    if page.file.abs_src_path is None:  # a file that source_file shows
        return markdown
    origin = Path(page.file.abs_src_path)

    def turned(match: re.Match[str]) -> str:
        target = match[2] and linked_file(origin, match[2])
        if not target:
            return match[0]
        return match[1] + posixpath.relpath(site_uri(target), posixpath.dirname(page.file.src_uri) or ".")

    return NEEDS_BLANK_LINE.sub(r"\g<0>\n", FENCE_OR_LINK.sub(turned, markdown))


def linked_files(origin: Path) -> set[str]:
    """The files of the repository that a page links to, as paths from its root."""
    links = [match[2] for match in FENCE_OR_LINK.finditer(origin.read_text(encoding="utf-8")) if match[2]]
    return {target for link in links if (target := linked_file(origin, link))}


def linked_file(origin: Path, link: str) -> str:
    """The path from the repository's root that a link leads to; "" if it leads to no file of the repository."""
    target = Path(posixpath.normpath((origin.parent / link).as_posix()))
    return target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) and target.is_file() else ""


def site_uri(path: str) -> str:
    """Where the site has the file that has this path in the repository."""
    if path in ROOT_PAGES:
        return ROOT_PAGES[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"source/{path}.md" if Path(path).suffix in HIGHLIGHTED else f"source/{path}"


def source_file(path: str, config: MkDocsConfig) -> File:
    """A file of the repository as a page that shows it, or as it is."""
    language = HIGHLIGHTED.get(Path(path).suffix)
    if language is None:
        return File.generated(config, site_uri(path), abs_src_path=str(ROOT / path))
    header = f"---\ntitle: {path}\nsearch:\n  exclude: true\n---\n\n# `{path}`\n\n"
    fence = "`" * 8  # longer than any in the file
    text = (ROOT / path).read_text(encoding="utf-8").rstrip("\n")
    return File.generated(config, site_uri(path), content=f"{header}{fence}{language}\n{text}\n{fence}\n")
