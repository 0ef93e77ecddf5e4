"""An installed Chromium or Chrome without a window, driven by Playwright: for the PDF and the tests of the pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from descent.book.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_browser() -> str | None:
    """Return the path of an installed browser: the one that CHROMIUM names, else the first on the path; or None."""
    named = os.environ.get("CHROMIUM")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a browser, and end it with the block.

    Raises:
        UserError: there is no browser, or no driver for it.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise UserError("this needs Playwright: run 'make pdf', or pip install '.[pdf]'") from error
    path = find_browser()
    if path is None:
        raise UserError("no Chromium or Chrome found: install one, or name it, as in CHROMIUM=/path/to/chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--disable-background-networking"])
        try:
            yield browser
        finally:
            browser.close()
