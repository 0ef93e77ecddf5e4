# Which chapters must run, and in which order nobody cares: each replicate of each chapter is a job of its own.
# `descent book` (make book) calls this, then judges, stages and renders what there is; see lib/descent/book/build.py.
# A job runs again when its fingerprint changes: code cells, parameters, the imported part of lib/descent, lock file, data.
import sys

from descent.book.run.fingerprint import fingerprint
from descent.book.project import Project

project = Project.find()
profile = project.profile(config["profile"])
wanted = config.get("chapters", "").split() or project.chapters
RUN = "_build/runs/{profile}/{chapter}/{replicate}"


wildcard_constraints:
    replicate=r"\d+",


def resource(name):
    return lambda wildcards: profile.recipe(wildcards.chapter).resources[name]


rule all:
    input:
        [
            f"{RUN}/notebook.ipynb".format(profile=profile.name, chapter=chapter, replicate=replicate)
            for chapter in wanted
            for replicate in range(profile.recipe(chapter).replicates)
        ],


rule chapter:
    output:
        f"{RUN}/notebook.ipynb",
        f"{RUN}/measurements.json",
        f"{RUN}/timings.json",
        f"{RUN}/environment.json",
    params:
        fingerprint=lambda wildcards: fingerprint(
            project, wildcards.profile, wildcards.chapter, int(wildcards.replicate)
        ),
        python=sys.executable,
    threads: resource("threads")
    resources:
        mem_mb=resource("mem_mb"),
        runtime=resource("runtime"),
        gpu=resource("gpu"),
    shell:
        "{params.python} -m descent.book.run.execute {wildcards.profile} {wildcards.chapter} {wildcards.replicate}"
