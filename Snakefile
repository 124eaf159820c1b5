# One study through the pipeline: study -> train -> spectrum -> dimension -> sample -> fit -> cube -> compare -> report.
#
#   snakemake -c2                                              the quickstart study
#   snakemake -c2 --config study=workflow/studies/NAME.yaml    another one
#
# Rules only call `scoregap STAGE`, and all that Snakemake knows are receipts (scoregap/receipts.py): products belong to
# the stages. A receipt that does not hold any more is removed before anything else, by a dry run too, which loses
# nothing: its stage then keeps what it finds. So a study grows, and a section is edited, at the cost of what is new;
# touching the study file runs nothing. All paths are inside the results folder of the study, and so are Snakemake's
# records: what is there and why stays together.

import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from scoregap import InputError, receipts
from scoregap.orchestration.resources import of_job, of_study
from scoregap.study import load
from scoregap.orchestration.workflow import baseline, taken

try:
    STUDY = load(config.get("study", "workflow/studies/quickstart.yaml"))
except InputError as error:
    raise WorkflowError(str(error)) from None

STUDY_FILE = shlex.quote(str(STUDY.path.resolve()))
SCOREGAP = f"{shlex.quote(sys.executable)} -m scoregap"


def asked(stage):
    """The resources of a rule: memory and time for executors that ask a scheduler, more at every attempt; GPUs for all.

    `scoregap run` says how many GPUs this machine has for `device: auto`; nothing is known of those of a cluster.
    """
    device = STUDY.document.train.device if STUDY.document.train else "cpu"
    on_gpu = device.startswith("cuda") or (device == "auto" and "gpus" in config)

    def of(wildcards):
        if "job" in wildcards.keys():
            return of_job(stage, STUDY.job(wildcards.job), on_gpu)
        return of_study(stage, STUDY)

    resources = {
        "mem_mb": lambda wildcards, attempt: attempt * of(wildcards).memory,
        "runtime": lambda wildcards, attempt: attempt * of(wildcards).minutes,
    }
    if on_gpu:
        resources["gpu"] = lambda wildcards: of(wildcards).gpus
    return resources


RESULTS = Path(config.get("results", "results")).resolve() / STUDY.name
BASELINE = baseline(STUDY.name)

# Not in the processes of a cluster's jobs, nor while a run is going on: `scoregap run` has done it itself.
if workflow.is_main_process and not taken(RESULTS):
    for line in receipts.settle(STUDY, RESULTS, BASELINE):
        print(f"scoregap: {line}", file=sys.stderr)


def made_from(stage):
    """Receipts that a rule waits for. Their dates decide nothing: they hold, or `settle` has removed them."""

    def of(wildcards):
        names = receipts.before(STUDY, stage, wildcards.get("job", ""))
        return [ancient(name) for name in names]

    return of


workdir: RESULTS


wildcard_constraints:
    job="[A-Za-z0-9.-]+",


include: "workflow/rules/train.smk"
include: "workflow/rules/spectrum.smk"
include: "workflow/rules/dimension.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/cube.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/report.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        lambda _: [ancient(receipts.place(*step)) for step in receipts.steps(STUDY)],
