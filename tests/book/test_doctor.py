"""The doctor's arithmetic, its eyes, and what it says when something is missing."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

from descent.book import doctor
from descent.book.errors import UserError
from descent.book.project import Project


def environment(seconds, processor="A processor"):
    return {"wall_seconds": seconds, "peak_memory_mb": 500, "processor": processor, "machine": "x", "devices": ["CPU"]}


def test_times_come_from_runs_here_else_from_archived_ones_else_from_nowhere(book):
    project = Project(book.root)
    paper, quick = doctor.estimates(project, 2)
    assert (quick.runs, quick.where, quick.allowed) == (3, [], {"first": 30, "second": 30})
    archive = book.root / "results" / "paper" / "first.json"
    archive.parent.mkdir(parents=True)
    archive.write_text(
        json.dumps(
            {
                "chapter": "first",
                "profile": "paper",
                "replicates": [{"measurements": {}, "environment": environment(s)} for s in (100, 50)],
            }
        )
    )
    for replicate, seconds in ((0, 10), (1, 30)):
        path = book.result("second", replicate=replicate)
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(environment(seconds, "Another")))
    (path.parent.parent / "2.partial").mkdir()
    (path.parent.parent / "2.partial" / "environment.json").write_text("half of")
    paper, quick = doctor.estimates(project, 1)
    assert (paper.seconds, paper.where, paper.allowed) == (75, ["A processor, CPU"], {"second": 30})
    assert (quick.seconds, quick.where, quick.allowed) == (40, ["Another, CPU"], {"first": 30})
    assert "not measured: first (at most 30 min a run)" in str(quick)


def test_it_sees_what_the_system_sees():
    nproc = subprocess.run(["nproc"], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    assert doctor.usable_cores() == int(nproc.stdout)
    total = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    assert 0 < doctor.memory_mb() <= total


def test_gpus_are_those_that_tensorflow_sees(monkeypatch):
    def sees(*devices, details=None):
        config = types.SimpleNamespace(
            list_physical_devices=lambda kind: list(devices) if kind == "GPU" else [],
            experimental=types.SimpleNamespace(get_device_details=lambda device: details or {}),
        )
        fake = types.SimpleNamespace(tf=types.SimpleNamespace(config=config, __version__="2.21"))
        monkeypatch.setitem(sys.modules, "descent.quiet", fake)
        return doctor._gpu().says

    device = types.SimpleNamespace(name="GPU:0")
    assert sees(device, details={"device_name": "Model T"}) == "TensorFlow 2.21 sees 1: Model T"
    assert sees(device).endswith("GPU:0")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "pip install --editable '.[gpu]'" in sees()
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert "none" in sees()


def test_a_missing_kernel_a_wrong_data_folder_and_a_full_disk_are_troubles(book, monkeypatch):
    def no_kernel():
        raise UserError("no kernel: install one")

    monkeypatch.setattr(doctor, "check_kernel", no_kernel)
    monkeypatch.setenv("DESCENT_DATA", str(book.root / "nowhere"))
    monkeypatch.setattr(doctor, "SPACE_GB", 10**9)
    troubles = {finding.name: finding.says for finding in doctor.examine(Project(book.root)) if finding.trouble}
    assert troubles.keys() == {"kernel", "data", "disk"}
    assert "install one" in troubles["kernel"] and "nowhere" in troubles["data"] and "free" in troubles["disk"]


def test_the_command_says_it_all_and_ends_well_where_a_build_can_be_made(book):
    done = book.run("doctor")
    for word in ("cores", "memory", "GPU", "disk", "kernel", "digits", "torch", "browser", "quick", "paper"):
        assert word in done.stdout, word
    assert "!" not in done.stdout
