"""Certificates: made from archived and finished runs, judged again elsewhere, and every forgery that can be seen is."""

import io
import json
import random
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

from descent.book.cli import main
from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.report.certify import certify
from descent.book.report.results import Evidence
from descent.book.run.integrity import seal
from descent.evidence import judge, load_claims
from descent.evidence.certificates.devices import MARK, Devices
from descent.evidence.certificates.opened import METADATA, SEALS, digest, read_files, sealed
from descent.evidence.certificates.verify import FOLDER, HONESTLY, JUDGE, judged, run, text, verify
from descent.evidence.code import LIBRARY, direct_imports
from descent.evidence.files import dump_json
from descent.evidence.verdicts import merge

REPOSITORY = Path(__file__).parents[2]
CHAPTERS = ("omd-thresholds", "differentiable-sparsification")
DAY = "2026-11-27"

# Nothing may be imported but Python's own modules, NumPy, SciPy, PyYAML, and this library.
ALONE = """
import importlib.abc, sys

ALLOWED = {*sys.stdlib_module_names, "__main__", "numpy", "scipy", "yaml", "_yaml", "descent"}

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED and not name.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for name in [name for name in sys.modules if name.partition(".")[0] not in ALLOWED]:
    del sys.modules[name]
sys.meta_path.insert(0, Missing())
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with this one's files and a build of its own."""
    return a_checkout(tmp_path / "checkout", monkeypatch)


def a_checkout(root, monkeypatch=None):
    root.mkdir()
    for name in (
        "_toc.yml",
        "_config.yml",
        "CITATION.cff",
        "chapters",
        "lib",
        "profiles",
        "requirements.lock",
        "results",
    ):
        (root / name).symlink_to(REPOSITORY / name)
    if monkeypatch:
        monkeypatch.chdir(root)
    return Project(root)


def certified(project, to, chapters=CHAPTERS, profile="quick", archived=True):
    certify(Evidence(project, project.profile(profile)), chapters, to, archived, DAY)
    return to


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A certificate of two chapters as a folder, never to be changed."""
    folder = tmp_path_factory.mktemp("made")
    return certified(a_checkout(folder / "checkout"), folder / "certificate")


@pytest.fixture
def certificate(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "certificate"))


def seal_anew(folder):
    """Do what a forger does: describe and seal what is there now."""
    files = read_files(folder)
    metadata = json.loads(files[METADATA])
    for entity in metadata["@graph"]:
        if "sha256" in entity and entity["@id"] in files:
            content = files[entity["@id"]]
            entity |= {"sha256": digest(content), "contentSize": str(len(content))}
    (folder / METADATA).write_text(json.dumps(metadata))
    (folder / SEALS).write_bytes(sealed(read_files(folder)))


def edit(folder, name, change):
    """Change what a JSON file of a certificate says, and seal it anew."""
    data = json.loads((folder / name).read_text())
    data = change(data) or data
    (folder / name).write_text(dump_json(data))
    seal_anew(folder)


def zipped(folder, to, change=lambda files: files):
    with zipfile.ZipFile(to, "w") as archive:
        for name, content in change(read_files(folder)).items():
            archive.writestr(name, content)
    return to


# What it is made of


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_the_verdicts_of_every_archived_run_are_those_of_the_judge_by_the_book_s_own_claims(profile, tmp_path):
    to = certified(a_checkout(tmp_path / "checkout"), tmp_path / "all.zip", (), profile)
    found = verify(to)
    archives = sorted((REPOSITORY / "results" / profile).glob("*.json"))
    assert found.holds and not found.notes
    assert sorted(found.certificate.runs) == [path.stem for path in archives]
    measured = {
        path.stem: merge(r["measurements"] for r in json.loads(path.read_text())["replicates"]) for path in archives
    }
    claims = [claim for claim in load_claims(REPOSITORY / "chapters" / "claims") if claim.chapter in measured]
    by_the_book = {verdict.id: verdict for verdict in judge(claims, measured, profile)}
    assert len(found.verdicts) > 100 and {verdict.id: verdict for verdict in found.verdicts} == by_the_book


def test_the_same_evidence_gives_the_same_bytes_on_one_day(made, tmp_path):
    first = certified(a_checkout(tmp_path / "checkout"), tmp_path / "same.zip")
    second = certified(Project(tmp_path / "checkout"), tmp_path / "again" / "same.zip")
    assert first.read_bytes() == second.read_bytes()
    differing = {name for name, content in read_files(made).items() if content != read_files(first)[name]}
    assert differing <= {"README.md", "__main__.py", METADATA, SEALS}  # they say what it is called


def test_it_is_made_of_the_finished_runs_of_this_build_before_archived_ones(checkout, tmp_path):
    archived = json.loads((REPOSITORY / "results/quick/omd-thresholds.json").read_text())["replicates"][0]
    folder = checkout.build / "runs/quick/omd-thresholds/0"
    folder.mkdir(parents=True)
    environment = archived["environment"] | {"processor": "this one", "dirty": True}
    for name, data in {**archived, "environment": environment}.items():
        (folder / f"{name}.json").write_text(json.dumps(data))
    seal(folder)
    found = verify(certified(checkout, tmp_path / "here.zip", archived=False))
    assert found.holds and {run.device for run in found.certificate.runs["omd-thresholds"]} == {"CPU: this one"}
    assert any("no commit holds" in note and "omd-thresholds" in note for note in found.notes)
    said = json.loads(read_files(tmp_path / "here.zip")["certificate.json"])["evidence"]
    assert said["omd-thresholds"].startswith("runs of this build")
    assert said["differentiable-sparsification"].startswith("archived runs")
    assert verify(certified(checkout, tmp_path / "there.zip", archived=True)).certificate.devices != ["CPU: this one"]

    (folder / "measurements.json").write_text("{}")
    with pytest.raises(UserError, match=r"measurements\.json is damaged"):
        certified(checkout, tmp_path / "no.zip", archived=False)


def test_it_describes_itself_as_a_process_run_crate(made):
    files = read_files(made)
    metadata = json.loads(files[METADATA])
    assert metadata["@context"] == [
        "https://w3id.org/ro/crate/1.1/context",
        "https://w3id.org/ro/terms/workflow-run/context",
    ]
    by_id = {entity["@id"]: entity for entity in metadata["@graph"]}
    assert len(by_id) == len(metadata["@graph"])
    descriptor, root = by_id[METADATA], by_id["./"]
    assert descriptor["@type"] == "CreativeWork" and descriptor["about"] == {"@id": "./"}
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert root["@type"] == "Dataset" and root["datePublished"] == DAY and root["name"] and root["description"]
    assert by_id[root["license"]["@id"]]["name"] == "MIT"
    assert by_id[root["conformsTo"]["@id"]]["@type"] == "CreativeWork"
    # every file is described, and is a part of the whole
    parts = [part["@id"] for part in root["hasPart"]]
    assert sorted(parts) == sorted(set(files) - {METADATA})
    for name in parts:
        assert by_id[name]["@type"] == "File" and by_id[name]["encodingFormat"] and by_id[name]["description"]
        if name != SEALS:
            assert by_id[name]["sha256"] == digest(files[name]) and by_id[name]["contentSize"] == str(len(files[name]))
    # nothing is referred to that isn't there
    for entity in metadata["@graph"]:
        for value in entity.values():
            for one in value if isinstance(value, list) else [value]:
                assert (
                    not isinstance(one, dict)
                    or one["@id"] in by_id
                    or one["@id"].startswith("https://w3id.org/ro/crate")
                )
    actions = [by_id[action["@id"]] for action in root["mentions"]]
    runs = [action for action in actions if action["@id"].startswith("#run-")]
    assert len(runs) >= len(CHAPTERS) and all(action["@type"] == "CreateAction" for action in actions)
    for action in runs:
        assert by_id[action["instrument"]["@id"]]["@type"] == "SoftwareApplication"
        assert action["startTime"] < action["endTime"] and "tensorflow 2." in action["description"]


def test_codecheck_has_the_authors_part_and_claims_no_check(made):
    text = (made / "codecheck.yml").read_text()
    said = yaml.safe_load(text)
    assert text.startswith("%YAML 1.1\n---\n") and said["version"] == "https://codecheck.org.uk/spec/config/1.0/"
    assert len(said["manifest"]) == len(CHAPTERS) + 1 and all(
        (made / item["file"]).is_file() for item in said["manifest"]
    )
    assert said["paper"]["title"] == "Descent and Its Discontents" and said["paper"]["authors"][0]["name"]
    assert not {"codechecker", "report", "check_time", "certificate"} & said.keys()


def test_the_judge_in_it_is_this_library_s_and_all_of_it(made):
    carried = {path.relative_to(made / FOLDER / "descent").as_posix() for path in (made / FOLDER).rglob("*.py")}
    assert carried == set(JUDGE)
    modules = {"descent." + name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in JUDGE}
    for name in JUDGE:
        source = (LIBRARY / name).read_text()
        assert (made / FOLDER / "descent" / name).read_text() == source
        # where a run reports its progress to is asked for in a run only
        assert set(direct_imports(LIBRARY, source)) - {"descent.simulate"} <= modules | {"descent"}, name


# Judged again


@pytest.mark.parametrize("how", ["descent verify", "folder", "zip"])
def test_it_is_judged_again_with_numpy_scipy_and_yaml_alone(how, made, tmp_path):
    place = zipped(made, tmp_path / "certificate.zip") if how == "zip" else made
    if how == "descent verify":
        code = f"from descent.book.cli import main\nstatus = main(['verify', {str(place)!r}])\n"
    else:
        # the certificate's own judge: this library is out of reach
        code = f"""
import runpy
ALLOWED.discard("descent.book")
sys.path = [folder for folder in sys.path if folder != {str(LIBRARY.parent)!r}]
try:
    runpy.run_path({str(place)!r}, run_name="__main__")
except SystemExit as end:
    status = end.code
assert sys.modules["descent"].__file__.startswith({str(place)!r}), sys.modules["descent"].__file__
"""
    code += """
print(status, *sorted({name.partition(".")[0] for name in sys.modules} - {*sys.stdlib_module_names, "__main__"}))
"""
    done = subprocess.run(
        [sys.executable, "-c", ALONE + code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "follow from the measurements" in done.stdout and HONESTLY in done.stdout
    status, *modules = done.stdout.splitlines()[-1].split()
    assert status == "0" and {"numpy", "scipy", "yaml"} <= set(modules)
    assert not {"tensorflow", "keras", "pandas", "jupytext"} & set(modules)
    assert not (made / FOLDER / "descent" / "__pycache__").exists()


def test_without_a_package_that_it_needs_it_says_which(made, tmp_path):
    code = f"ALLOWED.discard('scipy')\nimport runpy\nrunpy.run_path({str(made)!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", ALONE + code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == (
        "No module named 'scipy': judging again needs NumPy, SciPy and PyYAML: pip install numpy scipy pyyaml\n"
    )


def test_one_flipped_byte_in_any_file_is_named(certificate):
    dice = random.Random(29)
    for name, content in read_files(certificate).items():
        # of the seals, hashes, names and ends of lines are each hit many times
        for place in range(3, len(content), 41) if name == SEALS else [dice.randrange(len(content))]:
            changed = bytearray(content)
            changed[place] ^= 1
            (certificate / name).write_bytes(changed)
            found = verify(certificate)
            assert found.problems and found.problems[0].split()[0] == name, (name, place, found.problems)
            (certificate / name).write_bytes(content)
    assert verify(certificate).holds


def test_one_flipped_byte_of_a_zip_is_seen_unless_no_content_depends_on_it(made, tmp_path):
    files = read_files(made)
    path = zipped(made, tmp_path / "one.zip")
    content = path.read_bytes()
    seen = 0
    for place in range(5, len(content), len(content) // 300):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        found = verify(path)
        seen += not found.holds
        assert not found.holds or read_files(path) == files, place
        assert all("\n" not in problem for problem in found.problems)
    assert seen > 200


def first_reproduced(verdicts):
    return next(verdict for verdict in verdicts if verdict["verdict"] == "reproduced")


def forge_outcome(verdicts):
    found = next(v for v in verdicts if v["verdict"] == "not reproduced")
    found |= {"verdict": "reproduced", "why": ""}


def forge_every_word_of_it(verdicts):
    forge_outcome(verdicts)
    for check in next(v for v in verdicts if v["id"] == "omd-range")["checks"]:
        check |= {"state": "holds", "why": ""}


FORGERIES = {
    "says 'reproduced' of omd-range; by the measurements it is 'not reproduced'": forge_outcome,
    "'reproduced' of omd-range; by the measurements it is 'not reproduced' (": forge_every_word_of_it,
    "measured is 17.25, by the measurements": lambda verdicts: first_reproduced(verdicts).update(measured=17.25),
    "checks.0.state is 'open', by": lambda verdicts: first_reproduced(verdicts)["checks"][0].update(state="open"),
    "statement is 'Ours wins.', by": lambda verdicts: first_reproduced(verdicts).update(statement="Ours wins."),
    "seeds is True, by": lambda verdicts: first_reproduced(verdicts).update(seeds=True),
    "has no verdict on threshold-gradient-descent, which is reproduced": lambda verdicts: verdicts[1:],
    "a verdict on ours-wins, which is no claim": lambda verdicts: [*verdicts, verdicts[0] | {"id": "ours-wins"}],
    "holds two verdicts on one claim": lambda verdicts: [*verdicts, verdicts[0]],
}


@pytest.mark.parametrize("said", FORGERIES)
def test_a_forged_verdict_is_caught_though_all_was_sealed_anew(said, certificate):
    edit(certificate, "verdicts.json", FORGERIES[said])
    found = verify(certificate)
    assert len(found.problems) == 1 and said in found.problems[0] and "verdicts.json" in found.problems[0]
    assert "DOES NOT HOLD" in text(found)


def test_digits_that_another_version_rounds_otherwise_are_no_forgery(certificate):
    def rounded(verdicts):
        for verdict in verdicts:
            if verdict["measured"]:
                verdict["measured"] *= 1 + 1e-9

    edit(certificate, "verdicts.json", rounded)
    assert verify(certificate).holds


def test_of_forged_measurements_sealed_anew_it_says_that_only_a_run_could_tell(certificate, capsys):
    def better(archive):
        for key, value in archive["replicates"][0]["measurements"].items():
            archive["replicates"][0]["measurements"][key] = value if isinstance(value, list) else value * 1.5

    edit(certificate, "measurements/omd-thresholds.json", better)
    edit(certificate, "verdicts.json", lambda _: [v.as_dict() for v in judged(verify(certificate).certificate)])
    assert run([certificate]) == 0  # nothing in it contradicts itself, and it says what that is worth
    said = capsys.readouterr().out
    commit = json.loads((certificate / "measurements/omd-thresholds.json").read_text())["replicates"][0]["environment"][
        "commit"
    ]
    assert HONESTLY in said and f"git checkout {commit} && make book PROFILE=quick" in said


def test_claims_that_are_not_the_checkout_s_are_named(certificate, checkout, capsys):
    path = certificate / "claims/omd-thresholds.yml"
    path.write_text(path.read_text().replace("tolerance: 0.05", "tolerance: 5.0"))
    seal_anew(certificate)
    edit(certificate, "verdicts.json", lambda _: [v.as_dict() for v in judged(verify(certificate).certificate)])
    assert run([certificate]) == 0
    said = capsys.readouterr().out
    assert "note: claims/omd-thresholds.yml is not that of this checkout" in said
    assert "claims/differentiable" not in said.partition("note:")[2]


def test_another_version_of_the_judge_is_told_of_and_may_say_it_in_other_words(certificate):
    path = certificate / FOLDER / "descent/evidence/power.py"
    path.write_text(path.read_text() + "\n# newer\n")
    edit(certificate, "verdicts.json", lambda verdicts: [v | {"why": v["why"] and "in other words"} for v in verdicts])
    found = verify(certificate)
    assert found.holds and any("another version of the judge" in note for note in found.notes)


# What is none, or half of one


@pytest.mark.parametrize("name", [METADATA, SEALS, "certificate.json", "verdicts.json", "claims/omd-thresholds.yml",
                                  "measurements/omd-thresholds.json", "README.md"])  # fmt: skip
def test_a_missing_file_is_named(name, certificate):
    (certificate / name).unlink()
    problems = verify(certificate).problems
    assert len(problems) == 1 and problems[0].startswith(f"{name} is missing")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("certificate.json", "{", "certificate.json is no JSON"),
        ("certificate.json", "[]", "certificate.json holds '[]'; it wants named entries"),
        ("certificate.json", '{"format": 2}', "is of format 2; this judge reads 1"),
        ("certificate.json", '{"format": 1, "profile": "quick", "counts_as": "huge"}', "'counts_as', one of smoke"),
        (
            "certificate.json",
            '{"format": 1, "profile": "quick", "counts_as": "quick", "chapters": "a"}',
            "a list of names",
        ),
        ("verdicts.json", "{}", "verdicts.json is no list of verdicts"),
        ("verdicts.json", "[" * 100_000, "verdicts.json is no JSON"),
        ("verdicts.json", '[{"id": "a", "measured": NaN}]', "holds NaN, which is no number"),
        ("measurements/omd-thresholds.json", "{}", "is of None in None, not of this one"),
        ("measurements/omd-thresholds.json", {"replicates": []}, "wants 'replicates', a list of runs"),
        (
            "measurements/omd-thresholds.json",
            {"replicates": [{"measurements": {"a": "b"}}]},
            "it wants a finite number",
        ),
        (
            "measurements/omd-thresholds.json",
            {"replicates": [{"measurements": {"a": True}}]},
            "it wants a finite number",
        ),
        ("measurements/omd-thresholds.json", {"replicates": [{"measurements": {"a": []}}]}, "measurements.a is empty"),
        ("measurements/omd-thresholds.json", {"replicates": [{"measurements": {}}]}, "environment holds 'None'"),
        ("claims/omd-thresholds.yml", "a: [", "claims/omd-thresholds.yml is no YAML"),
        ("claims/omd-thresholds.yml", "a: b", "is no list of claims"),
        ("claims/omd-thresholds.yml", "- {id: a}", "claim 1 is none: KeyError 'kind'"),
        ("claims/omd-thresholds.yml", "- &a [x]\n- *a", "holds an alias"),
        ("claims/omd-thresholds.yml", b"\xff\xfe", "claims/omd-thresholds.yml is no YAML"),
        (METADATA, "{}", "wants '@graph', a list of entities"),
        (METADATA, '{"@graph": []}', "does not describe README.md"),
    ],
)
def test_what_is_not_what_it_should_be_is_said_in_one_line(name, content, said, certificate):
    if isinstance(content, dict):
        content = json.dumps({"chapter": "omd-thresholds", "profile": "quick", **content})
    (certificate / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    if name != METADATA:
        seal_anew(certificate)
    else:
        (certificate / SEALS).write_bytes(sealed(read_files(certificate)))
    problems = verify(certificate).problems
    assert said in problems[0] and "\n" not in problems[0] and (name == METADATA or len(problems) == 1), problems


def test_a_check_that_is_none_is_said_in_one_line(certificate):
    path = certificate / "claims/omd-thresholds.yml"
    claim = yaml.safe_load(path.read_text())[0]
    for key, value, said in [
        ("comparison", "equal", "'comparison' or 'over' is none"),
        ("expected", "much", "it wants a finite number"),
        ("expected", [1, 2], "'between' a pair"),
        ("tolerance", float("inf"), "it wants a finite number"),
    ]:
        path.write_text(yaml.safe_dump([{**claim, "checks": [{**claim["checks"][0], key: value}]}]))
        seal_anew(certificate)
        (problem,) = verify(certificate).problems
        assert said in problem and "claims/omd-thresholds.yml: claim 1" in problem


def link(archive):
    entry = zipfile.ZipInfo("measurements/link.json")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


def bomb(archive):
    archive.writestr("zeros", b"\0" * (65 * 2**20), zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda archive: archive.writestr("/etc/cron.d/a", "x"), "absolute or a foreign path, '/etc/cron.d/a'"),
        (lambda archive: archive.writestr("C:/a", "x"), "absolute or a foreign path, 'C:/a'"),
        (lambda archive: archive.writestr("a\\..\\b", "x"), "absolute or a foreign path"),
        (lambda archive: archive.writestr("claims/../../a", "x"), "leads out of it, 'claims/../../a'"),
        (link, "holds a link, measurements/link.json"),
        (bomb, "is larger than 64 MB"),
        (lambda archive: archive.writestr("README.md", "x"), "holds README.md twice"),
    ],
)
def test_a_zip_that_no_certificate_is_is_refused_and_nothing_is_written(write, said, made, tmp_path, monkeypatch):
    path = zipped(made, tmp_path / "bad.zip")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns() if "twice" in said else io.StringIO():
        write(archive)
    before = sorted(tmp_path.rglob("*"))
    (problem,) = verify(path).problems
    assert said in problem and "\n" not in problem and sorted(tmp_path.rglob("*")) == before


def test_a_truncated_zip_a_text_and_an_empty_file_are_said_in_one_line(made, tmp_path):
    content = zipped(made, tmp_path / "whole.zip").read_bytes()
    for number, cut in enumerate(
        [b"", b"hello", *(content[: len(content) * k // 17] for k in range(1, 17)), content[:-1]]
    ):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(cut)
        (problem,) = verify(path).problems
        assert "zip" in problem and "\n" not in problem


def test_a_folder_packed_again_by_hand_is_read_too(made, tmp_path):
    path = zipped(made, tmp_path / "a.zip", lambda files: {f"certificate/{name}": c for name, c in files.items()})
    assert verify(path).holds


def test_a_link_in_a_folder_is_refused_and_what_systems_leave_is_not(certificate):
    (certificate / ".DS_Store").write_bytes(b"x")
    (certificate / "notes.txt").write_text("mine")
    found = verify(certificate)
    assert found.holds and found.notes == ["notes.txt is not sealed, and so no part of it"]
    (certificate / "link").symlink_to("/etc/passwd")
    assert verify(certificate).problems == ["holds a link, link, which may lead out of it"]


def test_what_is_not_there_is_said_by_the_command_in_one_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["verify", str(tmp_path / "none.zip")]) == 1
    assert capsys.readouterr().out.splitlines()[0] == f"{tmp_path / 'none.zip'}: there is no such file or folder"
    assert main(["verify", str(tmp_path / "empty")]) == 1
    assert "holds no certificate" in capsys.readouterr().out


# Claims by devices


def device(folder, made, name, processor, change=None, profile="quick"):
    """Copy a certificate as if made elsewhere, with its verdicts judged by what was measured there."""
    to = Path(shutil.copytree(made, folder / name))

    def elsewhere(archive):
        for replicate in archive["replicates"]:
            replicate["environment"] |= {"processor": processor, "devices": ["CPU", "GPU"]}
            if change and archive["chapter"] == "omd-thresholds":
                change(replicate)

    for chapter in CHAPTERS:
        edit(to, f"measurements/{chapter}.json", elsewhere)
    edit(to, "verdicts.json", lambda _: [verdict.as_dict() for verdict in judged(verify(to).certificate)])
    return to


def test_a_folder_of_certificates_becomes_a_table_in_which_disagreement_is_marked(made, tmp_path, capsys):
    def off(replicate):
        replicate["measurements"]["gradient_descent_formula_against_spectrum"] = 0.5

    def other(replicate):
        off(replicate)
        replicate["environment"]["parameters"] = {"points": 3}

    folder = tmp_path / "devices"
    folder.mkdir()
    device(folder, made, "a", "one <b>")
    device(folder, made, "b", "two", off)
    device(folder, made, "c", "three", other)
    (folder / "d.zip").write_bytes(b"broken")
    page = tmp_path / "out" / "devices.html"
    assert main(["verify", str(folder), "--html", str(page)]) == 1
    said = capsys.readouterr().out
    marked = [line for line in said.splitlines() if line.startswith(f"{MARK} ")]
    assert [line.split()[1] for line in marked] == ["threshold-gradient-descent"]
    assert "partly" in marked[0] and "reproduced" in marked[0]
    assert re.search(r"1 of \d+ claims end otherwise on another device", said)
    assert "CPU, GPU: two" in said and f"{folder / 'd.zip'}: is no zip" in said

    soup = BeautifulSoup(page.read_text(), "html.parser")
    assert not soup.find_all(["script", "link", "img"]) and "http" not in page.read_text()
    (row,) = soup.select("tr.differs")
    assert row.th.get_text().startswith(f"{MARK} threshold-gradient-descent")
    assert [cell.get_text().split("formula")[0] for cell in row.find_all("td")] == ["reproduced", "partly", "partly"]
    assert "one <b>" in soup.thead.get_text() and "d.zip" in soup.main.get_text()
    assert len(soup.select("tbody tr")) == len(verify(folder / "a").verdicts)


def test_devices_of_other_parameters_alone_disagree_in_nothing(made, tmp_path):
    def other(replicate):
        replicate["measurements"]["gradient_descent_formula_against_spectrum"] = 0.5
        replicate["environment"]["parameters"] = {"points": 3}

    table = Devices([verify(device(tmp_path, made, "a", "one")), verify(device(tmp_path, made, "b", "two", other))])
    assert not any(row.differs for row in table.rows)
    assert Devices([]).rows == [] and "0 of 0" in Devices([]).text()


# The commands


@pytest.mark.parametrize("command", ["certify", "verify"])
def test_the_examples_of_help_run(command, checkout, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    example = capsys.readouterr().out.partition("example:\n")[2].splitlines()
    lines = [line.split()[1:] for line in example if line.strip().startswith("descent ")]
    assert len(lines) == 2 and any(line[0] == command for line in lines)
    certified(checkout, checkout.root / "omd.zip", CHAPTERS[:1])  # of help on verify
    certified(checkout, checkout.root / "certificates" / "a.zip", CHAPTERS[:1])
    certified(checkout, checkout.root / "certificates" / "b.zip", CHAPTERS[:1])
    for line in lines:
        assert main(line) == 0, line
    assert "follow from the measurements" in capsys.readouterr().out


def test_what_cannot_be_certified_is_said_in_one_line(checkout, capsys):
    full = checkout.root / "full"
    full.mkdir()
    (full / "file").touch()
    for arguments, said in [
        (["how-verdicts-are-made"], "claims nothing, so there is nothing to certify"),
        (["nothing"], "no chapter 'nothing'; there are"),
        (
            ["omd-thresholds", "--profile", "quick-seeds"],
            "neither finished nor archived runs in the quick-seeds profile; run 'make book",
        ),
        (["--profile", "smoke"], "no chapter has finished or archived runs in the smoke profile"),
        (["omd-thresholds", "--to", "full"], "can't write full, which is there: name an empty folder"),
        (["omd-thresholds", "--to", "full/file"], "can't write full/file, which is there"),
    ]:
        assert main(["certify", *arguments]) == 2, arguments
        shown = capsys.readouterr().err
        assert said in shown and len(shown.splitlines()) == 1, shown
    assert main(["certify", "omd-thresholds"]) == 0
    assert (checkout.build / "certificates" / "quick.zip").is_file()
