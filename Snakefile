# One job for each replicate of each chapter. `descent book` (make book) finds out which runs must be made, asks for their
# marks, then judges, stages and renders what there is; see lib/descent/book/build.py. What a run depends on is its
# fingerprint, which the run itself keeps: nothing hangs on what Snakemake remembers.
import sys

from descent.book.project import Project
from descent.book.run.run import Run

project = Project.find()


wildcard_constraints:
    profile="[a-z0-9-]+",
    chapter="[a-z0-9-]+",
    replicate="[0-9]+",


def resource(name):
    return lambda w: Run(project, w.profile, w.chapter, int(w.replicate)).resources[name]


rule chapter:
    output:
        "_build/runs/{profile}/{chapter}/{replicate}.done",
    params:
        python=sys.executable,
    threads: resource("threads")
    resources:
        mem_mb=resource("mem_mb"),
        runtime=resource("runtime"),
        gpu=resource("gpu"),
    shell:
        "{params.python:q} -m descent.book.run.execute {wildcards.profile:q} {wildcards.chapter:q} {wildcards.replicate:q}"


# Rounds of momentum federated learning, one client a rank: `make federated CLUSTER=slurm`, see chapters/cluster.md.
rule federated:
    output:
        "_build/federated/{clients}.npz",
    wildcard_constraints:
        clients="[0-9]+",
    params:
        python=sys.executable,
    resources:
        tasks=lambda w: int(w.clients),
        mpi="mpirun",
        mem_mb=4000,
        runtime=10,
    shell:
        "{params.python:q} -m descent.experiments.momentum_federated_learning.processes"
        " --clients {wildcards.clients} --launcher {resources.mpi:q} --kept {output:q} --check"
