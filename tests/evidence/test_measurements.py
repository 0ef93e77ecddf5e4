"""Where a run keeps what it measured, and what its files look like."""

import runpy
import sys
from types import SimpleNamespace

import pytest
from pydantic import BaseModel, ValidationError

from descent.evidence import migrate
from descent.evidence.files import dump_json, write_atomically
from descent.evidence.measurements import Measurements, cache_directory, run_directory
from descent.evidence.validation import Model, one_line


def test_a_run_by_hand_writes_below_the_book_from_anywhere_in_it(tmp_path, monkeypatch):
    for name in ("DESCENT_RUN_DIR", "DESCENT_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "_toc.yml").touch()
    inside = tmp_path / "chapters" / "more"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert run_directory() == tmp_path / "_build" / "by-hand" / "run"
    for _ in range(2):  # it may exist
        assert cache_directory() == tmp_path / "_build" / "by-hand" / "cache" and cache_directory().is_dir()


def test_the_pipeline_says_where(tmp_path, monkeypatch):
    monkeypatch.setenv("DESCENT_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("DESCENT_CACHE_DIR", str(tmp_path / "some" / "cache"))
    assert run_directory() == tmp_path / "run"
    assert cache_directory() == tmp_path / "some" / "cache" and cache_directory().is_dir()


def test_a_run_notes_its_devices_if_it_computes_with_tensorflow(tmp_path, monkeypatch):
    monkeypatch.delenv("DESCENT_PROGRESS", raising=False)
    for name, loaded in (
        ("with", SimpleNamespace(config=SimpleNamespace(list_physical_devices=devices))),
        ("out", None),
    ):
        monkeypatch.setenv("DESCENT_RUN_DIR", str(tmp_path / name))
        if loaded:
            monkeypatch.setitem(sys.modules, "tensorflow", loaded)
        else:
            monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
        Measurements.here()("value", 1.0)
    assert (tmp_path / "with" / "devices.json").read_text() == '[\n "CPU",\n "GPU"\n]\n'
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["measurements.json"]


def devices():
    return [SimpleNamespace(device_type=kind) for kind in ("GPU", "CPU")]


def test_a_file_is_written_where_there_is_no_folder_yet(tmp_path):
    for content in ("one", b"two"):
        write_atomically(tmp_path / "a" / "b" / "file", content)
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"two"


def test_json_has_one_form():
    assert dump_json({"b": [1.0, 0.1], "a": "é"}) == '{\n "a": "é",\n "b": [\n  1.0,\n  0.1\n ]\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        dump_json({"a": float("nan")})  # not JSON, though Python reads it


class Inner(Model):
    value: int


class Outer(Model):
    inner: Inner
    many: list[Inner] | None = None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"inner": {"value": 1, "other": 2}}, "inner.other is unknown; known are value"),
        ({"inner": {"value": 1}, "other": 2}, "other is unknown; known are inner, many"),
        ({"inner": {}}, "inner.value is missing"),
    ],
)
def test_an_unknown_key_is_told_those_of_its_own_place(data, said):
    model: type[BaseModel] = Outer
    with pytest.raises(ValidationError) as error:
        model.model_validate(data)
    assert one_line(error.value, model) == said


def test_the_migration_as_a_program_names_the_files_that_it_changed(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "results" / "quick"
    folder.mkdir(parents=True)
    run = {"measurements": {"OLD": 1.0}, "timings": {}, "environment": {}}
    (folder / "old.json").write_text(dump_json({"chapter": "c", "profile": "quick", "replicates": [run]}))
    (folder / "other.json").write_text(dump_json({"tables": []}))
    monkeypatch.chdir(tmp_path)
    for arguments, said in (([], "results/quick/old.json\n"), (["results"], "")):  # twice changes nothing
        monkeypatch.setattr(sys, "argv", ["migrate", *arguments])
        runpy.run_path(migrate.__file__, run_name="__main__")
        assert capsys.readouterr().out == said
    assert '"old": 1.0' in (folder / "old.json").read_text()


def test_a_record_does_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Inner(value=1).value = 2
