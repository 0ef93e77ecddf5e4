"""Every door for what people write by hand: what can't be right is refused in one line, before anything runs."""

import json
import os
import re
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.book import build, cli
from descent.book.chapter import Card, Header, Recipe, RecipeEntry, Resources, checked, read_recipe
from descent.book.errors import UserError
from descent.book.project import ProfileFile, Project
from descent.book.run import execute
from descent.book.run.integrity import alone
from descent.book.run.kernel import ChapterError, execute_notebook
from descent.book.run.parameters import Parameter, fit, parse_values, validate
from descent.book.run.run import Run
from descent.book.run.surroundings import STATED, clean
from descent.book.text import read_yaml

SETTINGS = """counts_as: quick
chapters: {first: {%s}}"""


@pytest.fixture
def here(book, monkeypatch):
    """The small book as the current folder, where nothing can be run."""

    def run(*arguments):
        raise AssertionError("a run was started")

    monkeypatch.chdir(book.root)
    (book.root / "results" / "paper").mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(build, "run_chapters", run)
    monkeypatch.setattr("descent.book.run.kernel.execute_notebook", run)
    return book


@contextmanager
def written(book, files):
    """Write files of the book, path -> text, bytes, or what to replace by what; and put back what was there."""
    before = {name: (book.root / name).read_bytes() if (book.root / name).is_file() else None for name in files}
    for name, content in files.items():
        path = book.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, tuple):
            old, new = content
            assert old in path.read_text(), old
            content = path.read_text().replace(old, new)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        yield
    finally:
        for name, content in before.items():
            if content is None:
                (book.root / name).unlink()
            else:
                (book.root / name).write_bytes(content)


def tree(book):
    """Everything in the book but what a build may leave: its lock, and empty folders."""
    kept = (".lock", ".snakemake", "_build", "home")
    return sorted(
        str(path) for path in book.root.rglob("*") if path.name not in kept and "__pycache__" not in str(path)
    )


def refused(book, capsys, arguments, files=None):
    """Return the one line with which a command refuses its input; nothing has run, nothing is left behind."""
    before = tree(book)
    with written(book, files or {}):
        try:
            status = cli.main(list(arguments))
        except SystemExit as error:  # argparse
            status = error.code
    said = capsys.readouterr().err
    assert status == 2 and said.count("\n") == 1 and said.startswith("descent: "), (status, said)
    assert tree(book) == before
    return said


PROFILES = {
    "resources: {mem_mb: lots}": "mem_mb is 'lots'",
    "resources: {mem_mb: 0}": "mem_mb is 0",
    "resources: {mem_mb: 4 parsecs}": "mem_mb",
    "resources: {threads: 0}": "threads is 0",
    "resources: {threads: -3}": "threads",
    "resources: {threads: 2.5}": "threads is 2.5",
    "resources: {threads: 1000000}": "threads",
    "resources: {threads: $(touch PWN)}": "threads",
    "resources: {threads: null}": "threads is None",
    "resources: {threads: true}": "threads is True",
    "resources: {runtime: soon}": "runtime",
    "resources: {runtime: .inf}": "runtime",
    "resources: {gpu: [1]}": "gpu",
    "resources: {gpu: -1}": "gpu",
    "resources: {gpu: 1.5}": "gpu",
    "resources: {cpus: 1}": "cpus is unknown",
    "resources: 5": "resources is 5",
    "resources: [1]": "resources is [1]",
    "replicates: 0": "replicates is 0",
    "replicates: -1": "replicates",
    "replicates: 1.5": "replicates",
    "replicates: three": "replicates",
    "replicates: true": "replicates",
    "replicates: 1000000000": "replicates",
    "parameters: [1]": "parameters is [1]",
    "parameters: text": "parameters is 'text'",
    "parameters: {1: 2}": "parameters",
    "parameters: {steps: 1.5}": "steps",
    "parameters: {steps: '20'}": "steps",
    "parameters: {steps: null}": "got None",
    "parameters: {steps: true}": "steps",
    "parameters: {steps: 1:30}": "got '1:30'",
    "parameters: {steps: 0x10}": "steps",
    "parameters: {steps: 99999999999999999999}": "64 bits",
    "parameters: {steps: [20]}": "steps",
    "parameters: {steps: 20, steps: 30}": "stands twice",
    "parameters: {rate: .nan}": "finite",
    "parameters: {rate: -.inf}": "finite",
    "parameters: {rate: 1e400}": "finite",
    "parameters: {rate: fast}": "got 'fast'",
    "parameters: {rate: 2020-01-01}": "rate",
    "parameters: {seed: -1}": "32 bits",
    "parameters: {steps: 0}": "a count, at least 1",
    "parameters: {seed: 4294967296}": "32 bits",
    "parameters: {seed: 4294967295}, replicates: 2": "32 bits",
    "parameters: {seed: null}": "seed",
    "parameters: {stepz: 1}": "unknown parameter 'stepz'",
    "parameters: &a {steps: *a}": "aliases",
    "colour: red": "colour is unknown",
    "parameters: !!python/object/apply:os.system [ls]": "python/object",
}
FILES = {
    "counts_as: quick\nchapters: [first]": "chapters is",
    "counts_as: quick\nchapters: {first: [1]}": "profile mine",
    "counts_as: quick\nchapters: {first: 3}": "profile mine",
    "counts_as: quick\nchapters: {third: {}}": "no chapter 'third'",
    "counts_as: huge": "counts_as is 'huge'",
    "description: 3": "description is 3",
    "counts_as: null": "counts as",
    "- a": "mine.yml",
    "text": "mine.yml",
    "a: [": "not valid YAML",
    "\t": "not valid YAML",
    "a: b: c": "not valid YAML",
    b"\xff\xfe\x00": "not UTF-8",
    "[" * 3000: "nested too deep",
    "&a [*a, *a]": "aliases",
}


@pytest.mark.parametrize(
    ("text", "says"), [*((SETTINGS % text, says) for text, says in PROFILES.items()), *FILES.items()]
)
def test_a_profile(here, capsys, text, says):
    said = refused(here, capsys, ["book", "--profile", "mine"], {"profiles/mine.yml": text})
    assert says in said and ("profiles/mine.yml" in said or "first.md, profile mine" in said)


HEADS = {
    "descent: text": "descent:",
    "descent: [1]": "descent:",
    "descent: {part: 3}": "part is 3",
    "descent: {card: none}": "card is 'none'",
    "descent: {card: {figure: 1}}": "card.figure is 1",
    "descent: {card: {say: x}}": "card.say is unknown",
    "descent: {words: [a]}": "words",
    "descent: {words: {a: 1}}": "words.a is 1",
    "descent: {symbols: {a: 1}}": "symbols",
    "descent: {symbols: [{symbol: x}]}": "symbols.0.code is missing",
    "descent: {profiles: [quick]}": "profiles",
    "descent: {profiles: {quick: 3}}": "profile quick",
    "descent: {profiles: {quik: {}}}": "no profile 'quik'",
    "descent: {profiles: {quick: {replicas: 2}}}": "replicas is unknown",
    "descent: {colour: red}": "colour is unknown",
    "descent: {": "not valid YAML",
    "descent: {part: 'a": "not valid YAML",
    "descent: &a [*a]": "aliases",
    "descent: {}\ndescent: {}": "stands twice",
    "descent: !!python/name:os.system": "not valid YAML",
}


@pytest.mark.parametrize(("text", "says"), HEADS.items())
def test_a_chapters_head(here, capsys, text, says):
    files = {"chapters/first.md": ("kernelspec:\n", f"{text}\nkernelspec:\n")}
    said = refused(here, capsys, ["book"], files)
    assert says in said and "first.md" in said


CELLS = {
    "seed: int = 7": "without annotation",
    "seed = 2 * 3": "default of seed",
    "seed = int('7')": "default of seed",
    "seed = other = 7": "name = value",
    "seed, other = 7, 8": "name = value",
    "seed += 1": "name = value",
    "import os": "name = value",
    "seed = 'x'": "seed is 'x'",
    "seed = None": "seed is None",
    "seed = True": "seed is True",
    "seed = 7\nseed = 8": "stands twice",
    "seed = = 7": "not Python",
    "seed = (": "not Python",
    "%time seed = 7": "not Python",
    "rate = 1e400": "default of rate",
    "rate = b'x'": "default of rate",
    "rate = {1, 2}": "default of rate",
    "rate = 1j": "default of rate",
    "rate = ...": "default of rate",
    "rate = 9223372036854775808": "default of rate",
}


@pytest.mark.parametrize(("text", "says"), CELLS.items())
@pytest.mark.parametrize("command", [["book"], ["params", "chapters/first.md"]], ids=" ".join)
def test_a_parameters_cell(here, capsys, text, says, command):
    files = {"chapters/first.md": ("seed = 7      # of the draws\nsteps = 20    # how many", f"{text}\nsteps = 20")}
    said = refused(here, capsys, command, files)
    assert says in said and "first.md" in said


PAGES = {
    "{verdict}`nobody-holds`": "nobody-holds",
    "{value}`min(value:.2f`": "can't be read",
    "{holds}`value >> 3; quick`": "can't be read",
    "{cite:t}`nobody1800`": "nobody1800",
    "{cite}`letcher2019, nobody1800`": "nobody1800",
    "```{archived}\n- a\n```": "block",
    "```{archived}\na: [\n```": "not valid YAML",
    "```{archived}\na: 3\n```": "block",
    "```{live} pull\nfigure: 3\n```": "block",
    "```{live} pull\nfigure: a\n```": "live block",
    "```{literalinclude} ../lib/descent/none.py\n```": "does not exist",
    "```{literalinclude} ../lib/descent/games.py\n:pyobject: Nobody\n```": "Nobody",
}


@pytest.mark.parametrize(("text", "says"), PAGES.items())
def test_a_page(here, capsys, text, says):
    said = refused(here, capsys, ["book"], {"chapters/first.md": ("Some prose.", f"\n{text}\n")})
    assert says in said


ARCHIVE = {"chapter": "first", "profile": "paper"}
STRANGE = {
    "devices": {"devices": "<b>"},
    "commit": {"commit": 3},
    "started": {"started": "yesterday"},
    "parameters": {"parameters": [1]},
    "replicate": {"replicate": "x"},
    "parts": {"parts": {"cells": {"x": "1"}}},
    "wall_seconds": {"wall_seconds": "1"},
}
OTHERS = [
    ("_toc.yml", "a: [", "not valid YAML"),
    ("_toc.yml", "", "chapters/NAME"),
    ("_toc.yml", "root: 3", "no page"),
    ("_toc.yml", "root: chapters/index\nchapters: [first]", "chapters/NAME"),
    ("_toc.yml", "root: chapters/index\nchapters: [{file: chapters/none}]", "none.md does not exist"),
    ("_toc.yml", "root: chapters/index\nchapters: [{file: ../first}]", "no page"),
    ("_toc.yml", "root: chapters/index\nchapters: [{file: chapters/a b}]", "no page"),
    ("_toc.yml", "root: chapters/index\nchapters: [{file: chapters/$(touch PWN)}]", "no page"),
    ("_toc.yml", "root: chapters/index\nchapters: [{file: chapters/first}, {file: chapters/first}]", "stands twice"),
    ("_toc.yml", b"\xff", "not UTF-8"),
    ("_config.yml", "a: [", "not valid YAML"),
    ("_config.yml", "- a", "wants entries"),
    ("_config.yml", "repository: here", "repository is 'here'"),
    ("chapters/references.bib", "@article{a, title = ", "references.bib"),
    ("chapters/references.bib", b"\xff\xfe", "references.bib"),
    ("chapters/first.bib", "@misc{letcher2019, title = {Twice}}", "letcher2019"),
    ("chapters/claims/first.yml", b"\xff\xfe", "chapters/claims"),
    ("chapters/claims/first.yml", "- id: 3", "first.yml"),
    ("chapters/claims/first.yml", ("letcher2019", "nobody1800"), "first-holds cites nobody1800"),
    ("chapters/claims/first.yml", "- null", "first.yml"),
    ("chapters/claims/first.yml", ("expected: 10", "expected: .nan"), "expected"),
    ("chapters/claims/first.yml", ("expected: 10", "expected: 10, tolerance: -1"), "tolerance"),
    ("chapters/claims/first.yml", ("expected: 10", "expected: 10, tolerance: .inf"), "tolerance"),
    ("results/paper/first.json", "{", "first.json"),
    ("results/paper/first.json", "[]", "first.json"),
    ("results/paper/first.json", b"\xff\xfe", "first.json"),
    *(
        (
            "results/paper/first.json",
            json.dumps(ARCHIVE | {"replicates": [{"measurements": {}, "environment": said}]}),
            key,
        )
        for key, said in STRANGE.items()
    ),
    ("chapters/first.md", b"---\nkernelspec: {name: python3}\n---\n\xfc", "not UTF-8"),
    ("chapters/first.md", "---\nkernelspec: python3\n---\n# x", "kernelspec is 'python3'"),
    ("chapters/first.md", "---\nkernelspec: {name: python3}\n# x", "has no end"),
    ("requirements.lock", b"\xff", "requirements.lock"),
]


@pytest.mark.parametrize(("name", "content", "says"), OTHERS)
def test_another_file(here, capsys, name, content, says):
    assert says in refused(here, capsys, ["book"], {name: content})


def test_a_package_whose_names_can_not_be_followed(here, capsys):
    files = {"lib/descent/evidence/__init__.py": "import = 3", "chapters/first.md": ("steps * rate)", "rate * steps)")}
    assert "not Python" in refused(here, capsys, ["book"], files)


COMMANDS = [
    (["book", "--cores", "0"], "--cores is 0"),
    (["book", "--cores", "-1"], "--cores is -1"),
    (["book", "--cores", "abc"], "--cores"),
    (["book", "nope"], "no chapter 'nope'"),
    (["book", ".."], "no chapter '..'"),
    (["book", "--profile", ".."], "unknown profile"),
    (["book", "--profile", ""], "unknown profile"),
    (["book", "--profile", "../profiles/quick"], "unknown profile"),
    (["book", "--cluster", "nope"], "no cluster"),
    (["book", "--cluster", "../profiles"], "no cluster"),
    (["nope"], "invalid choice"),
    ([], "COMMAND"),
    (["claims", "nope"], "no chapter 'nope'"),
    (["archive", "nope"], "no chapter 'nope'"),
    (["why", "nope"], "no chapter 'nope'"),
    (["params", "chapters"], "no chapter at"),
    (["params", "chapters/references.bib"], "is no chapter"),
    (["run", "chapters/first.md", "-o", "chapters/first.md"], "choose another -o"),
    (["run", "chapters/first.md", "-o", "out.txt"], "ends in .ipynb"),
    (["run", "chapters/first.md", "-o", "profiles"], "ends in .ipynb"),
    (["run", "chapters/first.md", "-o", "nowhere/out.ipynb"], "choose another -o"),
    (["run", "chapters/first.md", "--keep", "_toc.yml"], "another folder"),
    (["run", "chapters/first.md", "--keep", "_toc.yml/in/it"], "another folder"),
    (["run", "chapters/first.md", "-p", "steps"], "expected 2 arguments"),
    (["run", "chapters/first.md", "-p", "steps", "1e3"], "whole number"),
    (["run", "chapters/first.md", "-p", "steps", ""], "got None"),
    (["run", "chapters/first.md", "-p", "rate", "nan"], "got 'nan'"),
    (["run", "chapters/first.md", "-p", "rate", "[1, 2]"], "a number"),
    (["run", "chapters/first.md", "-p", "rate", "[" * 3000], "nested too deep"),
    (["run", "chapters/first.md", "-p", "steps", "9" * 5000], "too many digits"),
    (["run", "chapters/first.md", "-p", "seed", "1099511627776"], "32 bits"),
    (["run", "chapters/first.md", "-p", "seed", "2000001"], "0 to 2,000,000"),
    (["run", "chapters/first.md", "-p", "steps", "0"], "a count, at least 1"),
    (["run", "chapters/first.md", "-p", "steps", "-10"], "a count, at least 1"),
    (["run", "chapters/first.md", "-p", "steps", "!!python/object/apply:os.system [ls]"], "not valid YAML"),
]


@pytest.mark.parametrize(("arguments", "says"), COMMANDS)
def test_a_command_line(here, capsys, arguments, says):
    assert says in refused(here, capsys, arguments)


JUNK = {
    "junk.ipynb": "not a notebook",
    "list.ipynb": "[]",
    "empty.ipynb": "",
    "deep.ipynb": "[" * 100_000,
    "binary.md": bytes(range(256)),
    "latin.md": "# \xfc".encode("latin-1"),
    "open.md": "---\nkernelspec: {",
    "picture.png": b"\x89PNG",
    "what.foo": "text",
}


@pytest.mark.parametrize(("name", "content"), JUNK.items())
@pytest.mark.parametrize("command", ["run", "params"])
def test_a_file_that_is_no_chapter(here, capsys, name, content, command):
    assert name in refused(here, capsys, [command, f"chapters/{name}"], {f"chapters/{name}": content})


def test_a_notebook_is_not_written_over_itself(here, capsys):
    """As a reader runs a download in its own folder, where it would lie by default."""
    from descent.book.run.parameters import read_chapter

    notebook = json.dumps(read_chapter(here.chapter("first")))
    with written(here, {"first.ipynb": notebook}):
        said = refused(here, capsys, ["run", "first.ipynb"])
        assert "itself" in said and (here.root / "first.ipynb").read_text() == notebook
        (here.root / "link.ipynb").symlink_to("first.ipynb")
        assert "itself" in refused(here, capsys, ["run", "first.ipynb", "-o", "link.ipynb"])
        (here.root / "link.ipynb").unlink()


LIKE = st.recursive(
    st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=3) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)
DEFAULT = st.sampled_from([True, 3, 0.5, "text", None, [1, 2], [0.1, 1.0], ["a"], [[1]], {"a": 1}, (8, 16), []])


@settings(max_examples=60, deadline=None)
@given(value=LIKE, default=DEFAULT)
def test_a_value_is_of_its_parameters_kind_or_refused(value, default):
    try:
        found = validate({"x": value}, {"x": Parameter("x", default, "")}, "here")["x"]
    except UserError as error:
        assert "\n" not in str(error)
        return
    assert default is None or type(found) is type(default)
    assert fit(found, default) == found
    json.dumps(found, allow_nan=False)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=12) | st.binary(max_size=6).map(lambda b: b.decode("latin-1")), default=DEFAULT)
def test_any_text_of_a_command_line_is_taken_or_refused_in_one_line(text, default):
    known = {"x": Parameter("x", default, "")}
    try:
        validate(parse_values([("x", text)], known), known, "here")
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("010", 10),
        ("no", "no"),
        ("1:30", "1:30"),
        ("[1e-3, 2]", [1e-3, 2]),
        ("2020-01-01", "2020-01-01"),
    ],
)
def test_yaml_means_what_it_seems_to(text, value):
    assert read_yaml(text, "here") == value


def test_what_snakemake_itself_says_is_told(book, capsys):
    run = Run(Project(book.root), "quick", "first")
    with alone(book.root / "_build" / ".lock", "") as (lock, _):
        assert not build.run_chapters(run.project, ["--cores", "1", "--nonsense"], [run], lock)
    said = capsys.readouterr().err
    assert "arguments: --nonsense" in said and "quick/first/0: FAILED" in said and "Traceback" not in said
    assert "ended before its first cell" in run.failed.read_text()
    shutil.rmtree(book.root / "_build")


KEYS = [*RecipeEntry.model_fields, *Resources.model_fields, *Header.model_fields, *Card.model_fields, "other"]


@settings(max_examples=200, deadline=None)
@given(key=st.sampled_from(KEYS), value=LIKE)
def test_any_value_of_any_key_of_a_head_or_a_profile_is_taken_or_refused_in_one_line(key, value):
    doors = [
        lambda: checked(Header, {key: value}, "here"),
        lambda: checked(Header, {"card": {key: value}}, "here"),
        lambda: checked(ProfileFile, {key: value}, "here"),
        lambda: read_recipe([{key: value}], "here"),
        lambda: read_recipe([{"resources": {key: value}}], "here"),
        lambda: read_recipe([{"replicates": 2}, value], "here"),
    ]
    for door in doors:
        try:
            found = door()
        except UserError as error:
            assert str(error).startswith("here") and "\n" not in str(error)
        else:
            for kind in Resources.model_fields if isinstance(found, Recipe) else ():
                assert type(found.resources[kind]) is int and found.resources[kind] >= (kind != "gpu")


@given(text=st.text(alphabet="ab:-[]{}&*!|>#'\"\\\n\t 01.e~?%@,", max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_text_is_yaml_or_refused_in_one_line(text):
    try:
        read_yaml(text, "here")
    except UserError as error:
        assert "\n" not in str(error)


def test_a_chapter_saved_by_another_editor_is_the_same_chapter(here):
    from descent.book.chapter import read_header
    from descent.book.run.parameters import read_chapter

    before = read_chapter(here.chapter("first"))
    text = here.chapter("first").read_text()
    for variant in ("\ufeff" + text, text.replace("\n", "\r\n"), text.replace("  language: python\n", "")):
        with written(here, {"chapters/first.md": variant}):
            assert [c.source for c in read_chapter(here.chapter("first")).cells] == [c.source for c in before.cells]
            assert read_header(here.chapter("first")).runs


def test_what_a_parameter_means_may_hold_a_hash(here, capsys):
    files = {"chapters/first.md": ("steps = 20    # how many", 'steps = 20\ncolour = "#ff0000"  # of the #1 curve')}
    with written(here, files):
        assert cli.main(["params", "chapters/first.md"]) == 0
    assert "colour: str = '#ff0000'  of the #1 curve\n" in capsys.readouterr().out


SHELL = re.compile(r"subprocess\.\w+\([^)]*shell *= *True|os\.(system|popen)\(")


def test_no_shell_line_holds_a_word_that_is_not_quoted():
    """The pipeline's one shell line is the Snakefile's, where ``:q`` quotes; names are checked besides."""
    root = cli.Path(__file__).parents[2]
    line = re.search(r'shell:\n\s*"(.*)"', (root / "Snakefile").read_text())[1]
    assert re.findall(r"\{[^}]*\}", line) == re.findall(r"\{[^}]*:q\}", line) != []
    assert not [path for path in (root / "lib").rglob("*.py") if SHELL.search(path.read_text())]


@given(
    names=st.dictionaries(
        st.sampled_from(["MPLBACKEND", "PYTHONHASHSEED", "LC_ALL", "PATH", "HOME", "LANG"]), st.text()
    )
)
def test_a_clean_environment_stays_clean(names):
    once = clean(names)
    assert clean(once) == once and once.items() >= STATED.items() and "MPLBACKEND" not in once
    assert {name: once.get(name) for name in ("PATH", "HOME")} == {name: names.get(name) for name in ("PATH", "HOME")}


def test_cores_are_those_that_may_be_used(tmp_path, monkeypatch):
    from descent.book import machine

    monkeypatch.setattr(machine, "GROUP", tmp_path)
    monkeypatch.setattr(machine, "SELF", tmp_path / "self")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    assert machine.usable_cores() == 6
    (tmp_path / "cpu.max").write_text("400000 100000\n")
    (tmp_path / "memory.max").write_text(f"{2**30}\n")
    assert (machine.usable_cores(), machine.memory_mb()) == (4, 1024)
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert machine.usable_cores() == 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.usable_cores() == 6
    (tmp_path / "self").write_text("0::/job/step\n")  # as a batch system puts it
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "cpu.max").write_text("200000 100000\n")
    assert machine.usable_cores() == 2


def test_a_commit_is_the_checkout_s_own_and_clean_only_if_nothing_is_new(tmp_path):
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C"]
    unknown = {"commit": "unknown", "dirty": True}
    book = tmp_path / "book"
    (book / "lib").mkdir(parents=True)
    (book / "lib" / "a.py").touch()
    assert execute._commit(book) == unknown  # a ZIP
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, str(tmp_path), *command], check=True)
    assert execute._commit(book) == unknown  # unpacked in somebody's repository
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, str(book), *command], check=True)
    assert execute._commit(book) == {}
    (book / "lib" / "b.py").touch()
    assert execute._commit(book) == {"dirty": True}


def test_an_archive_made_since_the_commit_dirties_no_run_and_an_edit_does(tmp_path):
    for name in ("lib/a.py", "results/paper/a.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("1")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(tmp_path)]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], check=True)
    (tmp_path / "results/paper/a.json").write_text("2")
    (tmp_path / "results/paper/b.json").write_text("3")
    assert execute._origin(tmp_path)["dirty"] is False
    (tmp_path / "lib/a.py").write_text("2")
    assert execute._origin(tmp_path)["dirty"] is True


def test_a_run_that_takes_longer_than_it_asked_for_is_told_of_once(tmp_path, capsys):
    with execute._reported(tmp_path / "progress.txt", "quick/first/0", 0.0, every=0.01):
        time.sleep(0.2)
    said = capsys.readouterr().err
    assert said.count("\n") == said.count("quick/first/0: has taken more than the 0 minutes") == 1


@pytest.mark.parametrize("name", ["matplotlibrc", "ipython_config.py", "ipython_kernel_config.json"])
def test_settings_beside_the_chapters_are_refused_before_anything_runs(here, capsys, name):
    said = refused(here, capsys, ["book", "first"], {f"chapters/{name}": "figure.dpi: 7"})
    assert f"{name} would change" in said


def test_a_kernel_is_started_in_no_folder_with_settings(tmp_path):
    (tmp_path / "matplotlibrc").touch()
    with pytest.raises(UserError, match="matplotlibrc would change"):
        execute_notebook(None, None, {}, tmp_path)


def test_modules_beside_the_chapters_are_refused(here, capsys):
    """A change of theirs would be seen by nobody, and ``random.py`` would stand before Python's own."""
    assert "move it to lib/descent" in refused(here, capsys, ["book", "first"], {"chapters/random.py": ""})


def figures(run, names=("a-line.svg", "a-line.png")):
    (run / "figures").mkdir()
    for name in names:
        (run / "figures" / name).touch()


def test_a_figure_that_vanishes_while_a_chapter_runs_is_missed(book, monkeypatch):
    def executed(notebook, output, *arguments, **options):
        output.write_text("{}")
        (output.parent / "measurements.json").write_text("{}")
        figures(output.parent, names)

    monkeypatch.setattr(execute, "execute_notebook", executed)
    run = Run(Project(book.root), "quick", "second", 1)
    for names in (["a-line.svg"], ["a-line.png"]):
        with pytest.raises(ChapterError, match="figure a-line is missing"):
            execute.execute(run)
        assert not run.path.exists()
    names = ["a-line.svg", "a-line.png"]
    assert execute.execute(run) == run.path
    shutil.rmtree(book.root / "_build")


LEFT = [(None, "is missing"), ('{"value": ', "was damaged"), ("{}", "")]


@pytest.mark.parametrize(("left", "says"), LEFT)
def test_a_run_from_which_something_vanishes_is_not_sealed(book, monkeypatch, left, says):
    def executed(notebook, output, *arguments, **options):
        output.write_text("{}")
        figures(output.parent)
        if left:
            (output.parent / "measurements.json").write_text(left)

    monkeypatch.setattr(execute, "execute_notebook", executed)
    run = Run(Project(book.root), "quick", "second", 1)
    if says:
        with pytest.raises(ChapterError, match=says):
            execute.execute(run)
        assert not run.path.exists() and run.failed.is_file()
    else:
        assert execute.execute(run) == run.path
    shutil.rmtree(book.root / "_build")
