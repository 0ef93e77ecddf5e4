"""Every address in the book leads somewhere, every picture is described, and nothing is fetched from elsewhere."""

from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from bs4 import BeautifulSoup

LIMIT = 54 * 2**20  # bytes: three megabytes a chapter, for eighteen


class Site:
    """What a folder of pages says about itself; parsed once."""

    def __init__(self, root: Path):
        self.root = root
        self.names, self.links, self.fetched, self.pictures = {}, [], [], []
        for path in sorted(root.rglob("*.html")):
            if "_static" in path.parts:  # the theme leaves templates there
                continue
            soup = BeautifulSoup(path.read_text(), "html.parser")
            self.names[path.resolve()] = {e["id"] for e in soup.find_all(id=True)} | {
                e["name"] for e in soup.find_all("a", attrs={"name": True})
            }
            self.links += [(path, e["href"]) for e in soup.find_all("a", href=True)]
            self.fetched += [(path, e["src"]) for e in soup.find_all(["script", "img", "source", "iframe"], src=True)]
            self.fetched += [(path, e["href"]) for e in soup.find_all("link", href=True) if e["rel"] != ["canonical"]]
            self.pictures += [(path, e.get("src", ""), e.get("alt")) for e in soup.find_all("img")]

    def broken_links(self):
        """Links within the site whose file or anchor does not exist."""
        broken = []
        for path, href in self.links + self.fetched:
            address, anchor = urldefrag(href)
            if urlsplit(address).scheme or href in ("#", ""):
                continue
            target = (path.parent / unquote(address.partition("?")[0])).resolve() if address else path.resolve()
            if not target.exists():
                broken.append((str(path.relative_to(self.root)), href, "no such file"))
            elif anchor and target.suffix == ".html" and unquote(anchor) not in self.names.get(target, ()):
                broken.append((str(path.relative_to(self.root)), href, "no such anchor"))
        return broken

    def foreign_files(self):
        """What pages would load from elsewhere."""
        schemes = ("http", "https", "ftp")
        return [(str(p), src) for p, src in self.fetched if urlsplit(src).scheme in schemes or src.startswith("//")]

    def undescribed_pictures(self):
        """Pictures whose alternative text is missing, too short to say anything, or a file's name."""
        endings = (".png", ".svg", ".jpg", ".jpeg", ".gif")
        return [
            (str(path.relative_to(self.root)), src, alt)
            for path, src, alt in self.pictures
            if not alt
            or len(alt.split()) < 3
            or alt.lower().endswith(endings)
            or Path(src).stem in (alt, f"_images/{alt}")
        ]


@pytest.fixture(scope="module")
def book(html):
    return Site(html)


def test_every_link_and_anchor_resolves(book):
    assert len(book.links) > 200
    assert not book.broken_links()


def test_nothing_is_fetched_from_elsewhere(book):
    assert not book.foreign_files()


def test_every_picture_is_described(book):
    assert book.pictures
    assert not book.undescribed_pictures()


def test_the_search_knows_prose_and_no_code(html):
    index = (html / "searchindex.js").read_text()
    assert "eigenvalu" in index and "figsiz" not in index  # words are cut to their stems


def test_the_whole_book_is_small(html):
    assert sum(path.stat().st_size for path in html.rglob("*") if path.is_file()) < LIMIT


def test_planted_defects_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="x"><a href="b.html#y">1</a><a href="b.html#z">2</a><a href="c.html">3</a><a href="#x">4</a></p>'
        '<img src="e.png"><img src="f.png" alt="f.png"><img src="g.png" alt="A line goes up.">'
        '<script src="https://example.org/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="y"></p>')
    (tmp_path / "g.png").write_bytes(b"")
    planted = Site(tmp_path)
    assert [href for _, href, _ in planted.broken_links()] == ["b.html#z", "c.html", "e.png", "f.png"]
    assert [src for _, src, _ in planted.undescribed_pictures()] == ["e.png", "f.png"]
    assert [src for _, src in planted.foreign_files()] == ["https://example.org/x.js"]
