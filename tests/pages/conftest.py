"""The rendered smoke book, served on this machine, and a real browser to look at it."""

import functools
import os
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from descent.book.pages.browser import find_browser, open_browser


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def html(smoke_book) -> Path:
    return smoke_book / "_build" / "html"


@pytest.fixture(scope="session")
def site(html):
    """The address of the book's pages."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(html))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    if find_browser() is None:
        reason = "no Chromium or Chrome on this machine: install one, or name it in CHROMIUM"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with open_browser() as opened:
        yield opened


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    yield opened
    opened.close()
