"""The pipeline's promises, kept in order on one small book: each test leaves the book built."""

import json
import os
import re
import signal
import subprocess
import time

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

from descent.book.errors import UserError
from descent.book.run.kernel import check_kernel


def test_a_chapter_can_be_made_alone_though_its_text_leads_to_figures_of_others(book):
    book.edit(book.chapter("first"), "Some prose.", "See {numref}`fig-line`.")
    book.run("book", "first")
    assert "Fig. 1" in book.page("first") and "Not drawn yet. A line" in book.page("second")
    assert not book.result("second").exists()
    book.edit(book.chapter("first"), "See {numref}`fig-line`.", "Some prose.")


@pytest.fixture(scope="module")
def built(book):
    book.run("book", "--cores", "2")
    return book


def test_a_build_executes_judges_and_renders(built):
    assert json.loads(built.result("first", "measurements.json").read_text())["value"] == 10
    draws = [json.loads(built.result("second", "measurements.json", replicate=r).read_text())["draw"] for r in (0, 1)]
    assert draws[0] != draws[1]  # replicates differ by their seed
    verdicts = json.loads((built.root / "_build/runs/quick/verdicts.json").read_text())
    assert [(v["id"], v["verdict"], v["seeds"]) for v in verdicts] == [
        ("first-holds", "reproduced", 1),
        ("second-holds", "reproduced", 2),
    ]
    assert "measured 10.0" in built.page("first") and "reproduced" in built.page("first")
    assert "2 reproduced" in (built.root / "_build/html/chapters/index.html").read_text()
    environment = json.loads(built.result("first").read_text())
    wanted = {"commit", "dirty", "lock_sha256", "versions", "devices", "parameters", "wall_seconds", "peak_memory_mb"}
    assert wanted <= environment.keys()
    assert environment["parameters"] == {"seed": 7} and environment["peak_memory_mb"] > 20
    assert environment["resumed"] is False


def test_figures_are_in_the_run_and_offered_below_the_figure(built):
    names = {path.name for path in built.result("second", "figures").iterdir()}
    assert names == {"a-line.svg", "a-line.png"}
    page = re.sub("<[^>]*>", "", built.page("second"))
    assert "descent run chapters/second.md" in page and "a-line.svg" in built.page("second")


def test_executed_notebooks_hold_no_noise(built):
    for path in (built.root / "_build/runs").rglob("notebook.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not [o for o in cell.get("outputs", ()) if o.get("name") == "stderr"], path


def test_nothing_changed_runs_nothing(built):
    before = built.stamps("first", "second")
    done = built.run("book")
    assert built.stamps("first", "second") == before
    assert "running" not in done.stderr and "up to date" in done.stderr


def test_prose_is_rendered_without_a_run_and_keeps_its_outputs(built):
    before = built.stamps("first", "second")
    built.edit(built.chapter("first"), "Some prose.", "Entirely other prose.")
    built.run("book")
    assert built.stamps("first", "second") == before
    assert "Entirely other prose." in built.page("first") and "measured 10.0" in built.page("first")


def test_only_chapters_that_import_a_changed_module_run_again(built):
    first, second = built.stamps("first", "second")
    built.edit("lib/descent/stability/closed_forms.py", "import math", "import math, os")
    built.run("book")
    assert built.stamps("second") == [second] and built.stamps("first") != [first]


def test_measurements_repeat_bit_for_bit(built):
    before = built.result("first", "measurements.json").read_bytes()
    built.edit(built.chapter("first"), "record = Meas", "again = record = Meas")  # other code, same results
    stamp = built.stamps("first")
    built.run("book")
    assert built.stamps("first") != stamp
    assert built.result("first", "measurements.json").read_bytes() == before


def test_a_chapter_that_raises_shows_its_traceback_and_the_others_finish(built):
    built.edit(built.chapter("first"), "print(", "raise ArithmeticError('the cause')\nprint(")
    built.edit(built.chapter("second"), "print(", "print('again', ")
    done = built.run("book", check=False)
    assert done.returncode == 1 and "ArithmeticError: the cause" in done.stderr
    assert "ArithmeticError" in built.page("first") and "did not finish" in built.page("first")
    assert "again measured" in built.page("second")
    verdicts = {v["id"]: v["verdict"] for v in json.loads((built.root / "_build/runs/quick/verdicts.json").read_text())}
    assert verdicts == {"first-holds": "not run", "second-holds": "reproduced"}
    built.edit(built.chapter("first"), "raise ArithmeticError('the cause')\n", "")
    built.run("book")
    assert "ArithmeticError" not in built.page("first")


def test_ctrl_c_keeps_finished_chapters_and_the_next_build_goes_on(built):
    slow = "import time; time.sleep(600)\nprint("
    built.edit(built.chapter("first"), "print(", slow)
    built.edit(built.chapter("second"), "'again', ", "'third time', ")
    stamps = [built.result("second", replicate=r).stat().st_mtime_ns for r in (0, 1)]
    process = built.start(
        *("book", "--cores", "3"),
        start_new_session=True,
        # in a shell's background, Ctrl-C is ignored, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + built.patience
        results = [built.result("second", replicate=r) for r in (0, 1)]
        while not all(
            path.is_file() and path.stat().st_mtime_ns > old for path, old in zip(results, stamps, strict=True)
        ):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does on Ctrl-C
        _, stderr = process.communicate(timeout=built.patience)
    finally:
        if process.poll() is None:  # a failure here must not hold the build's lock for the tests to come
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130 and "the same command goes on" in stderr
    assert not built.mark("first").is_file() and built.result("first").is_file()  # the last good run is kept
    survivors = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, text=True, check=False)
    assert not survivors.stdout.split()
    kept = [built.result("second", replicate=r).stat().st_mtime_ns for r in (0, 1)]
    built.edit(built.chapter("first"), slow, "print(")
    built.run("book")
    assert built.mark("first").is_file()
    assert [built.result("second", replicate=r).stat().st_mtime_ns for r in (0, 1)] == kept
    assert built.result("first").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["book", "--profile", "huge"], "unknown profile 'huge'"),
        (["book", "third"], "no chapter 'third'"),
        (["run", "chapters/first.md", "-p", "stepz", "5"], "unknown parameter 'stepz'"),
        (["run", "chapters/first.md", "-p", "steps", "many"], "takes a value of type int"),
        (["run", "chapters/index.md"], "a page without code"),
        (["run", "chapters/first.md", "-o", "nowhere/at/all.ipynb"], "choose another -o"),
        (["params", "chapters/none.md"], "no chapter at"),
        (["archive", "first"], "0 of 1 replicates have run in the paper profile"),
    ],
)
def test_mistakes_get_one_clear_line(built, arguments, message):
    done = built.run(*arguments, check=False)
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1 and done.stderr.startswith("descent: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chapters: {third: {}}", "no chapter 'third'"),
        ("chapters: {first: {parameters: {stepz: 1}}}", "unknown parameter 'stepz'"),
        ("chapters: {first: {replicates: none}}", "valid integer"),
        ("chapters: {first: {resources: {cpus: 1}}}", "resources: cpus is unknown"),
        ("colour: red", "colour is unknown"),
        ("chapters: [", "not valid YAML"),
    ],
)
def test_a_profile_that_cannot_be_run_is_refused_before_any_work(built, text, message):
    (built.root / "profiles/mine.yml").write_text(f"counts_as: quick\n{text}\n")
    done = built.run("book", "--profile", "mine", check=False)
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1
    assert not (built.root / "_build/runs/mine").exists()


@pytest.mark.parametrize("argv", [None, ["/opt/other/bin/python", "-m", "ipykernel_launcher"]])
def test_a_missing_or_foreign_kernel_is_named_with_its_remedy(monkeypatch, argv):
    def get_kernel_spec(self, name):
        if argv is None:
            raise NoSuchKernel(name)
        return KernelSpec(argv=argv, name=name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", get_kernel_spec)
    with pytest.raises(UserError, match="pip install ipykernel") as error:
        check_kernel()
    assert "\n" not in str(error.value)


def test_an_unwritable_build_folder_is_refused(built, tmp_path):
    # as root nothing is unwritable, so the folder is a file
    (tmp_path / "chapters").mkdir()
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: chapters/index\n")
    (tmp_path / "_build").write_text("in the way")
    done = subprocess.run(
        built.command("book"), cwd=tmp_path, env=built.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "can't" in done.stderr and done.stderr.count("\n") == 1


def test_run_and_params_and_plain_papermill(built, tmp_path):
    listed = built.run("params", "chapters/first.md").stdout
    assert listed.splitlines()[1] == "steps: int = 20  how many"
    output = tmp_path / "out.ipynb"
    built.run("run", "chapters/first.md", "-p", "steps", "6", "-o", str(output), "--keep", str(tmp_path / "kept"))
    assert json.loads((tmp_path / "kept/measurements.json").read_text())["value"] == 3
    assert nbformat.read(output, as_version=4).metadata.papermill.input_path == "chapters/first.md"
    pipe = (
        f"{built.command()[0]} -m jupytext --to ipynb -o - chapters/first.md | "
        f"{built.command()[0]} -m papermill - {tmp_path / 'plain.ipynb'} -p steps 8"
    )
    subprocess.run(pipe, shell=True, cwd=built.root, env=built.environment, check=True, capture_output=True)
    assert "measured 4.0" in (tmp_path / "plain.ipynb").read_text()


def test_archive_keeps_measurements_with_provenance_and_the_report_shows_them(built):
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(built.root)]
    (built.root / ".gitignore").write_text("_build\n.snakemake\nhome\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], check=True)
    built.run("book", "first", "--profile", "paper")
    path = built.root / built.run("archive", "first").stdout.strip()
    archived = json.loads(path.read_text())["replicates"][0]
    assert archived["measurements"]["value"] == 20 and not archived["environment"]["dirty"]
    built.run("book")
    assert "not reproduced" in built.page("report")  # 20 is not 10: the archived verdict, beside this build's
    assert "not reproduced" in built.run("claims", "--archived").stdout
    assert "✔ reproduced" in built.run("claims", "first").stdout


def test_a_chapter_edited_since_its_run_never_shows_the_old_outputs(built):
    built.edit(built.chapter("first"), "print(", "print('unrun', ")
    built.run("book", "second")
    page = re.sub("<[^>]*>", "", built.page("first"))
    assert "has changed since it last ran" in page and "measured 10.0" not in page
    built.run("book")
    assert "unrun measured 10.0" in built.page("first")
