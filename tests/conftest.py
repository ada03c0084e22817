"""How many processes run the tests; a real browser for those of pages, and a page in it that must stay silent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for a limit, for a disk, or for what another process says."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: run `apt-get install -y chromium`")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def viewport() -> ViewportSize:
    return {"width": 1280, "height": 720}


@pytest.fixture
def allowed() -> tuple[str, ...]:
    """How addresses end that a page may ask for."""
    return ()


@pytest.fixture
def page(browser: Browser, viewport: ViewportSize, allowed: tuple[str, ...]) -> Iterator[Page]:
    """A page that must stay silent: no console message, no error, no dialog, no request but for the file itself."""
    opened, noise = browser.new_page(viewport=viewport), []
    opened.set_default_timeout(10_000)
    opened.on("console", lambda message: noise.append(message.text))
    opened.on("pageerror", lambda error: noise.append(str(error)))
    opened.on("dialog", lambda dialog: (noise.append("a dialog opened"), dialog.dismiss()))
    opened.on(
        "request",
        lambda request: request.is_navigation_request() or request.url.endswith(allowed) or noise.append(request.url),
    )
    yield opened
    opened.close()
    assert noise == []
