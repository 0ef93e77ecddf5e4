# Which chapters must run, and in which order nobody cares: each replicate of each chapter is a job of its own.
# `descent book` (make book) calls this, then judges, stages and renders what there is; see lib/descent/book/build.py.
# A job runs again when its fingerprint changes: code cells, parameters, the imported part of lib/descent, lock file, data.
import sys

from descent.book.project import Project
from descent.book.run.run import Run, runs

project = Project.find()
profile = project.profile(config["profile"])
wanted = config.get("chapters", "").split() or project.chapters
FOLDER = "_build/runs/{profile}/{chapter}/{replicate}"


wildcard_constraints:
    replicate=r"\d+",


def run(wildcards):
    return Run(project, wildcards.profile, wildcards.chapter, int(wildcards.replicate))


def resource(name):
    return lambda wildcards: run(wildcards).resources[name]


rule all:
    input:
        [
            f"_build/runs/{one}/notebook.ipynb"
            for chapter in wanted
            for one in runs(project, profile.name, chapter)
        ],


rule chapter:
    output:
        f"{FOLDER}/notebook.ipynb",
        f"{FOLDER}/measurements.json",
        f"{FOLDER}/timings.json",
        f"{FOLDER}/environment.json",
    params:
        fingerprint=lambda wildcards: run(wildcards).fingerprint,
        python=sys.executable,
    threads: resource("threads")
    resources:
        mem_mb=resource("mem_mb"),
        runtime=resource("runtime"),
        gpu=resource("gpu"),
    shell:
        "{params.python} -m descent.book.run.execute {wildcards.profile} {wildcards.chapter} {wildcards.replicate}"
