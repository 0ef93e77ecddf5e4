"""A stranger's machine: odd paths, hostile settings, no git, a scratch disk; and what strangers send, in a browser."""

import json
import os
import re
import shutil

import nbformat
import pytest

from descent.book.pages.browser import find_browser, open_browser
from descent.book.run.integrity import damage, seal
from descent.evidence.files import dump_json

SCRIPT = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 1'>"
ASK = """
import os, sys, matplotlib
print([name for name in os.environ if name.startswith(("MATPLOTLIB", "SNAKEMAKE", "XDG", "LC_", "LANG"))])
print(os.environ["MPLBACKEND"])  # the kernel's own
print(sys.flags.optimize, sys.flags.utf8_mode, matplotlib.rcParams["figure.dpi"], "ü")
1
2
"""

INLINE = "module://matplotlib_inline.backend_inline"


@pytest.fixture(scope="module")
def strange(make_book, tmp_path_factory):
    """A book in an odd path, whose build folder is a link, under a reader's settings, without git."""
    base = tmp_path_factory.mktemp("strange")
    book = make_book(base / "My {Papers} é $x'")
    scratch, home = base / "scratch", base / "home"
    scratch.mkdir()
    (book.root / "_build").symlink_to(scratch)
    (book.root / "profiles" / "quick.yml").write_text("")
    book.edit("chapters/first.md", "print(", f"{ASK}\nprint(")
    book.edit("chapters/first.md", "Some prose.", "```{literalinclude} ../lib/descent/quiet.py\n```")
    book.edit("chapters/first.md", "  language: python\n", "")  # as some editors leave it
    book.edit("chapters/report.md", "{status}\n```", "{status}\n```\n\n```{environment}\n```\n\n```{agreement}\n```")
    settings = {
        ".ipython/profile_default/startup/00.py": "print('hostile startup')",
        ".ipython/profile_default/ipython_config.py": "c.InteractiveShell.ast_node_interactivity = 'all'",
        ".config/matplotlib/matplotlibrc": "figure.dpi: 7",
    }
    for name, text in settings.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    tools = base / "bin"  # but a git that can't be started
    tools.mkdir()
    for folder in os.environ["PATH"].split(":"):
        for name in ("bash", "sh", "env", "nproc", "which"):
            if not (tools / name).exists() and shutil.which(name, path=folder):
                (tools / name).symlink_to(shutil.which(name, path=folder))
    (tools / "git").write_text("may not be started")
    long = base / ("t" * 120)
    long.mkdir()
    book.environment |= {"HOME": str(home), "PATH": str(tools), "TMPDIR": str(long), "LC_ALL": "C"}
    book.environment |= {"PYTHONUTF8": "0", "PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error", "LANG": "de_DE"}
    book.environment |= {"MPLBACKEND": "Agg", "SNAKEMAKE_PROFILE": "nowhere", "XDG_CONFIG_HOME": "/nowhere"}
    return book


def test_a_build_is_what_it_is_anywhere(strange):
    strange.run("book", "--cores", "2")
    notebook = nbformat.read(strange.result("first", "notebook.ipynb"), as_version=4)
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    assert "".join(o.get("text", "") for o in outputs) == f"['LC_ALL']\n{INLINE}\n0 1 100.0 ü\nmeasured 10.0\n"
    assert [o.output_type for o in outputs] == ["stream"]
    figure = nbformat.read(strange.result("second", "notebook.ipynb"), as_version=4).cells[-2]
    assert any("image/svg+xml" in output.get("data", {}) for output in figure.outputs)
    origin = json.loads(strange.result("first").read_text())
    assert (origin["commit"], origin["dirty"]) == ("unknown", True)
    done = strange.run("archive", "first", "--profile", "quick", check=False)
    assert done.returncode == 2 and "no git could tell" in done.stderr and done.stderr.count("\n") == 1
    shown = re.sub("<[^>]*>", "", strange.page("first"))
    assert "100.0 ü" in shown and "os.environ.setdefault" in shown  # the library, through the link


def test_what_counts_is_what_a_run_was_made_from_whatever_is_remembered(strange):
    """Snakemake's memory is gone, a profile and a chapter edited, a page deleted; one chapter can't be parsed."""
    shutil.rmtree(strange.root / ".snakemake")
    (strange.root / "_build/html/index.html").unlink()
    (strange.root / "profiles/quick.yml").write_text("chapters: {first: {parameters: {steps: 60}}}")
    strange.edit("chapters/second.md", 'print("measured", ', 'print("measured" ')
    done = strange.run("book", "--cores", "2", check=False)
    assert done.returncode == 1 and done.stderr.count("second/0: FAILED: SyntaxError") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(strange.result("first", "measurements.json").read_text())["value"] == 30
    assert (strange.root / "_build/html/index.html").is_file() and "SyntaxError" in strange.page("second")
    assert "not run" in strange.run("claims", "second").stdout
    strange.edit("profiles/quick.yml", "60", "40")
    assert "first/0: changed since: parameter steps" in strange.run("claims", "first").stderr
    strange.edit("profiles/quick.yml", "40", "60")
    assert strange.result("second").is_file() and damage(strange.result("second").parent) is None  # the last good run


@pytest.mark.parametrize("command", ["sys.exit(0)", "exit()"])
def test_a_chapter_that_ends_itself_has_not_finished(strange, tmp_path, command):
    before = strange.chapter("first").read_text()
    strange.edit(
        "chapters/first.md", "record(", f"import sys\n{command}\n```\n\nProse.\n\n```{{code-cell}} ipython3\nrecord("
    )
    output = tmp_path / "out {x}.ipynb"
    done = strange.run("run", "chapters/first.md", "-o", str(output), check=False)
    strange.chapter("first").write_text(before)
    assert done.returncode == 1 and "Traceback" not in done.stderr and output.is_file()
    assert ("leave out sys.exit()" if "0" in command else "the kernel died") in done.stderr


def test_nothing_that_a_stranger_sends_runs_on_a_page(strange):
    """A script in all that a run says of its machine: of this build's, and of archived ones."""
    if find_browser() is None:
        pytest.skip("no Chromium or Chrome on this machine")
    strange.edit("chapters/second.md", 'print("measured" ', 'print("measured", ')
    path = strange.result("first")
    origin = json.loads(path.read_text())
    said = dict.fromkeys(("processor", "machine", "system"), SCRIPT) | {"cores": SCRIPT, "devices": [SCRIPT]}
    origin |= said | {"versions": origin["versions"] | {SCRIPT: SCRIPT, "tensorflow": SCRIPT}, "commit": SCRIPT}
    path.write_text(dump_json(origin))
    seal(path.parent)
    archive = strange.root / "results/quick/first.json"
    archive.parent.mkdir(parents=True)
    measured = json.loads(strange.result("first", "measurements.json").read_text())
    said = {"processor": SCRIPT, "devices": [SCRIPT], "commit": SCRIPT, "parameters": origin["parameters"]}
    runs = [{"measurements": measured, "environment": said}]
    archive.write_text(dump_json({"chapter": "first", "profile": "quick", "replicates": runs}))
    stamps = strange.stamps("first", "second")
    for name in ("html", "site"):
        shutil.rmtree(strange.root / "_build" / name)
        (strange.root / "_build" / name).write_text("in the way")
    strange.run("book")
    assert strange.stamps("first", "second") == stamps  # the good run of the mended chapter counts again
    html = strange.root / "_build/html"
    with open_browser() as browser:
        page = browser.new_page()
        for name in ("chapters/index.html", "chapters/first.html", "chapters/report.html", "report.html"):
            page.goto((html / name).as_uri())
            assert page.evaluate("window.stolen") is None, name
    assert strange.page("report").count("window.stolen") >= 4  # it is there to be read
