"""CI and the container call what exists: targets of the Makefile, its variables, files, commands."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/book.yml").read_text())
JOBS = WORKFLOW["jobs"]
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]
# CI on one machine, CI on many, and the container
SCRIPTS = [step["run"] for _, step in STEPS if "run" in step] + [
    (ROOT / ".ci/run").read_text(),
    *re.findall(r"^(?:RUN|# +docker run .* descent) (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE),
    " ".join(re.findall(r'"([\w ]+)"', re.search(r"^CMD (.*)$", (ROOT / "Dockerfile").read_text(), re.M)[1])),
]
CALLS = [shlex.split(call) for script in SCRIPTS for call in re.findall(r"(?:^|&& |; )(make [^&|\n;]*)", script, re.M)]


def trigger(name):
    return WORKFLOW[True].get(name, "absent")  # YAML reads the key "on" as true


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_make_would_know_what_to_do(call):
    for word in call[1:]:
        name = word.partition("=")[0]
        assert "=" not in word or re.search(rf"^{name} +\?=", MAKEFILE, re.MULTILINE), f"no variable {name}"
    words = [word for word in call[1:] if "=" not in word]
    assert words
    for word in words:
        target = re.escape(word.replace(".venv", "$(VENV)"))
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"no target {word}"
    done = subprocess.run(["make", "--dry-run", *call[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("said", "profile"), [([], "paper"), (["PROFILE=quick"], "quick")])
def test_what_is_archived_is_the_published_scale_unless_told_otherwise(said, profile):
    call = ["make", "--dry-run", "archive", "CHAPTER=omd-thresholds", *said]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"descent archive 'omd-thresholds' --profile '{profile}'\n" in done.stdout


@pytest.mark.parametrize("missing", ["pip", "python"])
def test_half_an_environment_is_made_again(tmp_path, missing):
    """As after a SIGKILL while it was made, or when its Python is gone; and extras may be none."""
    folder = tmp_path / "venv" / "bin"
    folder.mkdir(parents=True)
    for name in {"pip", "python"} - {missing}:
        (folder / name).touch()
    call = ["make", "--dry-run", "book", f"VENV={tmp_path / 'venv'}", "EXTRAS="]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"rm -rf {tmp_path / 'venv'}\n" in done.stdout and "--editable '.[book]'" in done.stdout
    (folder / missing).touch()
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "rm -rf" not in done.stdout


def test_every_word_of_a_command_line_is_quoted(tmp_path):
    """A name that is a command does not run: ``make`` gives it to the program, which refuses it."""
    words = ["PROFILE=a;touch${IFS}PWN", "CHAPTER=it's `touch PWN`", "CLUSTER=$(touch PWN)", "CORES=1&touch PWN"]
    words = [word.replace("$", "$$") for word in words]  # for make itself
    done = subprocess.run(["make", "--dry-run", "book", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    line = done.stdout[done.stdout.index("/descent book") :].replace("\\\n", "").partition("\n")[0]
    assert shlex.split(line)[2:] == [
        *("it's", "`touch", "PWN`", "--profile", "a;touch${IFS}PWN", "--cores", "1&touch", "PWN"),
        *("--cluster", "$(touch", "PWN)"),
    ]


def test_all_calls_were_found():
    assert {"check", "test", "book", ".venv/.test", ".venv/.book"} <= {word for call in CALLS for word in call}
    assert ["make", "book"] in CALLS and len(CALLS) >= 11


def test_profiles_runs_and_caches_are_those_of_the_pipeline():
    for call in CALLS:
        for word in call:
            if word.startswith("PROFILE="):
                assert (ROOT / "profiles" / f"{word.partition('=')[2]}.yml").is_file()
    extras = {name for call in CALLS for word in call if word.startswith("EXTRAS=") for name in word[7:].split()}
    assert extras - {"$EXTRAS"} == {"torch", "gpu"}
    for extra in extras - {"$EXTRAS"}:
        assert re.search(rf"^{extra} = ", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert WORKFLOW["env"]["CACHED"].split() == ["_build/runs", "_build/cache"]


def test_every_python_that_the_package_admits_is_tested():
    low, high = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text()).groups()
    assert JOBS["tests"]["strategy"]["matrix"]["python"] == [f"3.{n}" for n in range(int(low), int(high))]


def test_pull_requests_get_no_rights_and_no_runner_of_ours():
    assert trigger("pull_request") is None and trigger("pull_request_target") == "absent"
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [name for name, job in JOBS.items() if "permissions" in job] == ["tell"]
    assert JOBS["tell"]["permissions"] == {"issues": "write"}
    for name, job in JOBS.items():  # the one job that may write runs no code but its own, and others keep no token
        checkouts = [step for step in job["steps"] if "checkout@" in step.get("uses", "")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)
        assert bool(checkouts) == (name != "tell")
    for job in JOBS.values():
        if not job["runs-on"].startswith("ubuntu"):
            assert "vars.GPU_RUNNER != ''" in job["if"] and "pull_request" not in job["if"]
            assert job["if"].count("github.event_name == 'schedule' || github.event_name == 'workflow_dispatch'") == 1
    saves = [step for _, step in STEPS if "cache/save" in step.get("uses", "")]
    assert [step["if"] for step in saves] == ["github.event_name == 'push'"]
    assert not [step for _, step in STEPS if re.match(r"actions/cache@", step.get("uses", ""))]


def test_actions_are_pinned_and_no_job_may_hang():
    for name, step in STEPS:
        assert "uses" not in step or re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", step["uses"]), name
    assert all(job["timeout-minutes"] <= 24 * 60 for job in JOBS.values())
    assert WORKFLOW["concurrency"]["group"] and WORKFLOW["defaults"]["run"]["shell"] == "bash"


def test_the_gpu_is_seen_before_the_book_is_made_on_it():
    scripts = [step["run"] for step in JOBS["paper"]["steps"] if "run" in step]
    assert "assert tf.config.list_physical_devices('GPU')" in scripts[0] and "make book" in scripts[1]


def test_the_image_holds_what_its_environment_is_made_from():
    dockerfile = (ROOT / "Dockerfile").read_text()
    early = dockerfile[: dockerfile.index("RUN make")]
    for name in re.search(r"^COPY --chown=book (.*) \./$", early, re.MULTILINE)[1].split():
        assert (ROOT / name).is_file(), name
    assert "lib lib" in early and "pyproject.toml" in early and "README.md" in early  # the package names its README


def test_a_folder_in_which_pip_can_not_build_is_refused_in_one_line(tmp_path):
    """setuptools takes braces and dollar signs of a path for variables."""
    for name in ("My {Papers}", "a$b"):
        (tmp_path / name).mkdir()
        for file in ("Makefile", "pyproject.toml", "requirements.lock"):
            (tmp_path / name / file).symlink_to(ROOT / file)
        done = subprocess.run(["make", "book"], cwd=tmp_path / name, capture_output=True, text=True)
        assert done.returncode == 2 and "move the book elsewhere" in done.stdout
        assert not (tmp_path / name / ".venv").exists()
