"""Snakemake's executor for Slurm, as thousands of jobs need it.

jobs that are ready -> one `sbatch` for all that ask for the same, as an array; one `squeue` for all of them at a time

The plugin `slurm` of Snakemake, with its settings and what it makes of a job's resources, but:

- In every round (`seconds-between-status-checks`) Slurm is asked once how all jobs are, and given what has become ready
  since, whatever their number; few of them wait a minute for more. Where it refuses for now, it is asked again later,
  and nothing fails.
- A job runs the commands of its rules, and no Snakemake around them: that takes 5 s and 125 MB of each. Members of a
  group run one after another.
- A job has succeeded if its receipts are there when Slurm does not list it as alive. Slurm may forget ended jobs, and
  accounting is not needed.
- What an earlier run has submitted, and waits or works, is not submitted again (tasks.py), nor what has ended since
  this run has looked at the results. A job that Slurm starts again, after preemption or the loss of its node, is the
  same job.
"""

import asyncio
import os
import re
import shlex
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import snakemake_executor_plugin_slurm as plugin
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import get_job_wildcards, set_gres_string
from snakemake_executor_plugin_slurm.validation import validate_or_get_slurm_job_id, validate_slurm_extra
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from scoregap.runtime import receipts, tasks

ExecutorSettings = plugin.ExecutorSettings  # as plugins of Snakemake have it
common_settings = plugin.common_settings  # likewise

FEW = 0.1  # of what Slurm has: fewer jobs than that wait for more of their kind
WAITING = 60.0  # seconds that they wait for them, at most
SETTLING = 1.0  # seconds from the end of jobs until those that waited for them are ready
SHARE = 0.05  # of the time that may be spent in answers to `squeue`: a slow controller is asked less often
LONGEST = 300.0  # seconds between rounds, at most
# How Slurm refuses a submission for now: of one user's jobs there are as many as may be, or it is busy.
FOR_NOW = re.compile(
    r"max_?submit|submit limit|timed out|unable to contact|try again|temporar|too many|busy|connect|not respond|"
    r"zero bytes",
    re.IGNORECASE,
)
SCRIPT = "#!/bin/bash\n{before}. {file}\n"
# Bash ends when its child has: a training that is told to stop keeps its state first.
BEGIN = "set -euo pipefail\ntrap 'exit 143' INT TERM\ncase ${SLURM_ARRAY_TASK_ID:-1} in\n"
# What it prints is as Snakemake says it, for `failures`; the benchmark file is of whole seconds alone.
STEP = """\
echo "rule {rule}:"
SECONDS=0
{command}
printf 's\\n%d\\n' $SECONDS > {benchmark}
echo "Finished jobid: {number} (Rule: {rule})"
"""


class Executor(plugin.Executor):
    """See above. ready: jobs to be submitted in the next round; before: ids of living tasks of earlier runs, by the
    receipts that they are to write; unsure: submissions of which Slurm did not say whether it took them."""

    def __init__(self, workflow: Any, logger: Any) -> None:
        # Before the plugin's, which starts the thread of the rounds and only then calls __post_init__.
        self.folder = Path.cwd()
        self.ready: list[Any] = []
        self.unsure: dict[str, list[Any]] = {}
        self.with_slurm = 0
        self.refused, self.not_before, self.since = 0, 0.0, time.monotonic()
        self.before: dict[str, list[str]] = {}
        living = [task for task in (tasks.listed(self.folder) or {}).values() if task.lives]
        for id, made in tasks.made_by(self.folder, living).items():
            for place in made:
                self.before.setdefault(place, []).append(id)
        super().__init__(workflow, logger)

    def __post_init__(self, test_mode: bool = False) -> None:
        super().__post_init__(test_mode)
        self.run_uuid = tasks.name_of(self.folder)

    def run_jobs(self, jobs: Sequence[Any]) -> None:
        """Take note of jobs that are ready."""
        for job in jobs:
            self.run_job_pre(job)
        with self.lock:
            self.ready += jobs

    async def check_active_jobs(self, active_jobs):
        """One round; yields the jobs that go on."""
        with self.lock:
            idle = not active_jobs and not self.ready and not self.unsure
        if idle:
            self.next_seconds_between_status_checks = SETTLING
            return
        began = time.monotonic()
        found = await asyncio.to_thread(tasks.listed, self.folder)
        took = time.monotonic() - began
        if found is None:
            self.logger.warning("Slurm does not answer `squeue`: asked again")
        self.with_slurm = 0
        for one in active_jobs:
            if found is None or self._goes_on(one, found):
                self.with_slurm += 1
                yield one
        if self.wait and found is not None:
            await asyncio.sleep(SETTLING)
            await asyncio.to_thread(self._submit, found)
        usual = self.workflow.remote_execution_settings.seconds_between_status_checks
        self.next_seconds_between_status_checks = min(max(usual, took / SHARE), LONGEST)

    def _goes_on(self, one: SubmittedJobInfo, found: dict[str, tasks.Task]) -> bool:
        """Whether a job is to be looked at again; says how it has ended, if it has."""
        ended = [found.get(id) for id in one.aux["ids"]]
        if any(task and task.lives for task in ended):
            return True
        if held := [task.id for task in ended if task and task.held]:
            tasks.cancel(self.folder, held)  # else it runs beside its successor once somebody lets it go on
        log = one.aux["log"]
        if all(os.path.exists(path) for path in _receipts(one.job)):
            if log and not self.workflow.executor_settings.keep_successful_logs:
                log.unlink(missing_ok=True)
            self.report_job_success(one)
            return False
        if not log:  # of an earlier run: what it has not made is submitted
            with self.lock:
                self.ready.append(one.job)
            return False
        state = ended[0].state if ended[0] else "GONE"
        if state in ("COMPLETED", "GONE"):  # files of other machines may be seen later
            patience = self.workflow.execution_settings.latency_wait
            if time.monotonic() < one.aux.setdefault("seen", time.monotonic()) + patience:
                return True
        told = f"SLURM-job '{one.external_jobid}' failed, SLURM status is: '{state}'. "
        self._fails(one, told, log)
        return False

    def _fails(self, one: SubmittedJobInfo, told: str, log: Path) -> None:
        """A job has failed. Of a group Snakemake passes on no message, so that is in its log, too."""
        with suppress(OSError):
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{told}\n")
        self.report_job_error(one, msg=told, aux_logs=[str(log)])

    # ------------------------------------------------------------ submission

    def _submit(self, found: dict[str, tasks.Task]) -> None:
        """Submit what is ready."""
        began = time.monotonic()
        with self.lock:
            several = len(self.ready) >= FEW * self.with_slurm
            self.since = self.since if self.ready else began
        if began < self.not_before or not (several or self.unsure or began >= self.since + WAITING):
            return
        self.since = began
        for batch, jobs in self.unsure.items():
            taken = {task.position: task.id for task in found.values() if task.batch == batch}
            self._register([(jobs[index], id) for index, id in taken.items()])
            with self.lock:
                self.ready += [job for index, job in enumerate(jobs) if index not in taken]
        self.unsure = {}
        with self.lock:
            ready, self.ready = self.ready, []
        alike: dict[tuple[tuple[str, ...], str], list[Any]] = {}
        for job in ready:
            ids = [id for path in _receipts(job) for id in self.before.get(path, ()) if id in found and found[id].lives]
            if ids:
                self.report_job_submission(SubmittedJobInfo(job, ids[0], {"ids": ids, "log": None}))
                continue
            try:
                if all(
                    receipts.left(self.study, self.folder, *self.steps[path], self.baseline) for path in _receipts(job)
                ):
                    self.report_job_submission(SubmittedJobInfo(job, "earlier", {"ids": [], "log": None}))
                    continue
                alike.setdefault((tuple(one.rule.name for one in _members(job)), self._call(job)), []).append(job)
            except Exception as error:  # of an account or partition, as the plugin words it
                self._refused([job], str(error))
        for (rules, call), jobs in alike.items():
            for first in range(0, len(jobs), self.max_array_size):
                some = jobs[first : first + self.max_array_size]
                if self.wait and time.monotonic() >= self.not_before:
                    try:
                        self._sbatch(rules, call, some)
                    except OSError as error:  # of a full disk, say
                        self._refused(some, f"{error.filename}: {error.strerror}")
                else:
                    with self.lock:
                        self.ready += some

    def _call(self, job: Any) -> str:
        """The command by which jobs that ask for the same are submitted."""
        validate_slurm_extra(job)
        for name in ("cluster", "clusters", "slurm_cluster"):
            if job.resources.get(name):
                raise ValueError(f"{name}: set SLURM_CLUSTERS in the environment instead, which squeue obeys, too")
        asked = {
            "run_uuid": self.run_uuid, "slurm_logfile": os.devnull, "comment_str": "", "workdir": str(self.folder),
            "account": next(self.get_account_arg(job)), "partition": self.get_partition_arg(job),
        }  # fmt: skip
        settings = self.workflow.executor_settings
        return get_submit_command(job, asked, settings=settings, failed_nodes=self._failed_nodes) + set_gres_string(job)

    def _sbatch(self, rules: tuple[str, ...], call: str, jobs: list[Any]) -> None:
        """Submit jobs that ask for the same."""
        batch = uuid.uuid4().hex[:12]
        made = [
            {path: receipts.fingerprint(self.study, *self.steps[path], self.baseline) for path in _receipts(job)}
            for job in jobs
        ]
        tasks.write(self.folder, batch, made)
        file = self.folder / tasks.FOLDER / f"{batch}.sh"
        file.write_text(BEGIN + "".join(_case(index, job) for index, job in enumerate(jobs, 1)) + "esac\n")
        for job in jobs:
            for one in _members(job):
                for path in (*one.output, *one.log):
                    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
                for path in one.output:  # what there is of an earlier attempt says nothing of this one
                    Path(path).unlink(missing_ok=True)
        self.slurm_logdir.mkdir(parents=True, exist_ok=True)
        place = str(self.slurm_logdir).replace("%", "%%")  # which Slurm would replace
        log = f"{place}/{'%A_%a' if len(jobs) > 1 else '%j'}.log"
        comment = f"{batch} rule_{'_'.join(rules)}"
        wildcards = get_job_wildcards(jobs[0])
        if len(jobs) == 1 and wildcards:
            comment += f"_wildcards_{wildcards}"
        call += f" --output={shlex.quote(log)} --comment={shlex.quote(comment)}"
        call += f" --array=1-{len(jobs)}" if len(jobs) > 1 else ""
        before = self.workflow.remote_execution_settings.precommand
        script = SCRIPT.format(before=f"{before} || exit\n" if before else "", file=shlex.quote(str(file)))
        try:
            done = subprocess.run(
                call, shell=True, input=script, capture_output=True, text=True, timeout=tasks.ANSWER, check=False
            )
            status, out, said = done.returncode, done.stdout, done.stderr.strip()
        except subprocess.TimeoutExpired:
            status, out, said = 1, "", f"sbatch has not answered within {tasks.ANSWER:.0f} s: timed out"
        if status and FOR_NOW.search(said):
            self.unsure[batch] = jobs
            self.refused += 1
            usual = self.workflow.remote_execution_settings.seconds_between_status_checks
            later = min(usual * 2**self.refused, LONGEST)
            self.not_before = time.monotonic() + later
            self.logger.warning(f"Slurm takes no jobs for now, asked again in {later:.0f} s: {said}")
        elif status:
            self._refused(jobs, said.splitlines()[-1] if said else f"sbatch: exit status {status}")
        else:
            self.refused = 0
            id = validate_or_get_slurm_job_id(out.strip().split(";")[0], out)
            self.logger.info(f"Submitted {len(jobs)} jobs of {', '.join(rules)} as {id}")
            self._register([(job, f"{id}_{n}" if len(jobs) > 1 else id) for n, job in enumerate(jobs, 1)])

    def _refused(self, jobs: Sequence[Any], why: str) -> None:
        """Jobs that cannot be submitted have failed."""
        for job in jobs:
            log = self.slurm_logdir / f"{uuid.uuid4().hex}.log"
            self._fails(SubmittedJobInfo(job), f"cannot be submitted: {why}", log)

    @property
    def study(self) -> Any:
        """As the Snakefile has loaded it."""
        return self.workflow.globals["STUDY"]

    @property
    def baseline(self) -> Path | None:
        """Likewise: what the report compares with."""
        return self.workflow.globals["BASELINE"]

    @cached_property
    def steps(self) -> dict[str, tuple[str, str]]:
        """(stage, job) by the place of their receipt."""
        return {receipts.place(*step): step for step in receipts.steps(self.study)}

    def _register(self, submitted: Sequence[tuple[Any, str]]) -> None:
        """Take note of what Slurm has taken."""
        for job, id in submitted:
            aux = {"ids": [id], "log": self.slurm_logdir / f"{id}.log"}
            self.report_job_submission(SubmittedJobInfo(job, id, aux))

    # ------------------------------------------------------------ the end

    def shutdown(self) -> None:
        """End the rounds, and delete the files of submissions that have ended."""
        super().shutdown()
        if (found := tasks.listed(self.folder)) is not None:
            tasks.tidy(self.folder, found)

    async def sleep(self) -> None:
        """Until the next round, or the end of the run."""
        until = time.monotonic() + (self.next_seconds_between_status_checks or SETTLING)
        while self.wait and time.monotonic() < until:
            await asyncio.sleep(0.2)

    def cancel(self) -> None:
        """End all jobs, when the user asks for it: by one command, whatever their number."""
        with self.lock:
            self.wait = False
        self.wait_thread.join()  # what it submits is cancelled, too
        tasks.cancel(self.folder)
        self.shutdown()


def _members(job: Any) -> list[Any]:
    """The jobs of the workflow in one of Slurm's, in the order in which they run."""
    if not job.is_group():
        return [job]
    return [one for level in job.toposorted for one in sorted(level, key=lambda one: one.rule.name)]


def _receipts(job: Any) -> Iterator[str]:
    """The receipts that a job is to write."""
    return (str(path) for one in _members(job) for path in one.output)


def _case(index: int, job: Any) -> str:
    """What the task with an index does."""
    steps = (
        STEP.format(
            rule=one.rule.name, number=one.jobid, command=one.shellcmd,
            benchmark=shlex.quote(str(one.benchmark or os.devnull)),
        )
        for one in _members(job)
    )  # fmt: skip
    return f"{index})\n{''.join(steps)};;\n"
