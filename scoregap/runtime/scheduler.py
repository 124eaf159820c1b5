"""Whether Slurm takes the jobs that a profile asks for, before a study is submitted.

profile, study -> trial submissions, one per kind of job, that start nothing -> a refusal in a line, within DEADLINE

Only what a profile says in plain words is tried: what it computes by expressions is known to Snakemake alone.
"""

import getpass
import re
import shlex
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scoregap import InputError, brief
from scoregap.runtime.resources import Request, of_job, of_study
from scoregap.study import Study
from scoregap.study.stages import STAGES

DEADLINE = 8.0  # seconds for all questions together
PLAIN = re.compile(r"[\w.,:@%+&|*/=-]+")  # values that are what they look like
FLAGS = {  # of resources, as Snakemake's executor passes them on
    "slurm_account": "--account", "slurm_partition": "--partition", "qos": "--qos", "constraint": "--constraint",
    "clusters": "--clusters", "cluster": "--clusters", "slurm_cluster": "--clusters", "gres": "--gres",
}  # fmt: skip
OF_ALL = {"slurm-qos": "--qos", "slurm-reservation": "--reservation"}  # of keys of the profile, likewise
# How Slurm says that it will never take such a job; of nodes that are down or busy it may say so for now.
NEVER = re.compile(
    r"invalid|not (valid|permitted|allowed|supported|exist)|denied|violates|exceed|more .* than|unknown|"
    r"unable to contact|configuration is not available|access.*restricted|no partition",
    re.IGNORECASE,
)


class Asked(NamedTuple):
    """What the jobs of a stage ask for, as options of sbatch; and of that the account, the partition and the minutes,
    empty where they are not said in plain words."""

    stage: str
    options: tuple[str, ...]
    account: str
    partition: str
    minutes: str


def check(study: Study, profile: Path, settings: Mapping[str, Any], folder: Path) -> None:
    """Ask Slurm whether it would take a job of every stage. settings: of the profile. folder: that one works in.

    Raises InputError if it would not, or does not answer.
    """
    end = time.monotonic() + DEADLINE

    def refuse(why: str) -> InputError:
        return InputError(f"{brief(profile)} is not allowed here", key="--profile", value=profile, allowed=why)

    def ask(*words: str) -> tuple[int, str, str]:
        """(exit status, stdout, last line of stderr) of a command of Slurm's."""
        line = ["sh", "-c", 'exec "$@"', "sh", *words]
        left = max(0.1, end - time.monotonic())
        try:
            done = subprocess.run(
                line, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                timeout=left, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise refuse(
                f"Slurm has not answered `{words[0]}` within {DEADLINE:g} s: is its controller there?"
            ) from None
        said = [one for one in done.stderr.strip().splitlines() if one.strip()]
        return done.returncode, done.stdout, said[-1].strip() if said else ""

    kinds: dict[tuple[str, ...], Asked] = {}
    for one in asked(study, settings):
        kinds.setdefault(one.options, one)
    for account in dict.fromkeys(one.account for one in kinds.values() if one.account):
        if why := _unknown(account, ask):
            raise refuse(why)
    longest = _limits(ask("sinfo", "-h", "-o", "%P %l")[1])
    for one in kinds.values():
        most = longest.get(one.partition)
        if most is not None and one.minutes and int(one.minutes) > most:
            partition = f"the partition {one.partition}" if one.partition else "the default partition"
            raise refuse(
                f"jobs of the stage {one.stage} ask for {one.minutes} min, {partition} gives {most:g}, so they never "
                f"start: set-resources: [{one.stage}:slurm_partition=NAME] or [{one.stage}:runtime=MINUTES]"
            )
        status, _, said = ask("sbatch", "--test-only", *one.options, "--wrap", "true")
        if status < 0 or status >= 126 or (status and not said):  # a command that cannot run, or dies: no answer
            raise refuse(f"`sbatch --test-only` fails with exit status {status}: {said or 'it says nothing'}")
        if status and NEVER.search(said):
            told = re.sub(r"^(sbatch|allocation failure): (error: )?", "", re.sub(r"^sbatch: (error: )?", "", said))
            raise refuse(f"Slurm refuses jobs of the stage {one.stage} ({shlex.join(one.options)}): {told}")


def _unknown(account: str, ask) -> str:
    """Why Snakemake's executor will not submit with an account: it asks for those that a user has."""
    status, listed, said = ask("sacctmgr", "-n", "-s", "list", "user", getpass.getuser(), "format=account%256")
    if status or not listed.strip():
        status, listed, said = ask("sshare", "-U", "--format", "Account%256", "--noheader")
    if status:
        return f"slurm_account={account}: Slurm keeps no accounts here, or does not tell them ({said}): leave it out"
    accounts = sorted({line.strip().lower() for line in listed.splitlines() if line.strip()})
    wrong = [one for one in re.split(r"[,\s]+", account) if one.lower() not in accounts]
    if accounts and wrong:
        return f"slurm_account={account}: {wrong[0]} is no account of yours: should be one of {', '.join(accounts)}"
    return ""


def _limits(listed: str) -> dict[str, float]:
    """Minutes that a job may take, by partition, of lines `NAME LIMIT`; the default one has a star, and is "" too."""
    found = {}
    for line in listed.splitlines():
        name, _, limit = line.strip().rpartition(" ")
        parts = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)??(\d+):(\d+)", limit.strip())
        if name and parts:
            days, hours, minutes, seconds = (int(one or 0) for one in parts.groups())
            most = 1440 * days + 60 * hours + minutes + seconds / 60
            found[name.strip().removesuffix("*")] = most
            if name.strip().endswith("*"):
                found[""] = most
    return found


def asked(study: Study, settings: Mapping[str, Any]) -> list[Asked]:
    """What the largest jobs of every stage of a study ask for, by its profile and its size."""
    base = _resources(settings.get("default-resources"))
    own = _of_rules(settings.get("set-resources"))
    everywhere = [f"{flag}={settings[key]}" for key, flag in OF_ALL.items() if settings.get(key)]
    device = study.document.train.device if study.document.train else "cpu"
    found = []
    for stage in STAGES:
        jobs = [] if stage.gathers else [job for job in study.jobs.values() if job.has(stage.name)]
        if not jobs and not stage.gathers:
            continue
        of = [of_job(stage.name, job, device.startswith("cuda")) for job in jobs] or [of_study(stage.name, study)]
        need = Request(*(max(one[i] for one in of) for i in range(3)))
        said = {"runtime": str(need.minutes), "mem_mb": str(need.memory), "gpu": str(need.gpus)}
        said |= base | own.get(stage.name, {})
        options = [*everywhere, *(f"{flag}={said[key]}" for key, flag in FLAGS.items() if said.get(key))]
        options += [f"--time={said['runtime']}"] if said["runtime"].isdigit() else []
        options += [f"--mem={said['mem_mb']}"] if said["mem_mb"].isdigit() and not said.get("mem_mb_per_cpu") else []
        if said["gpu"].isdigit() and int(said["gpu"]):
            options.append(
                f"--gpus={said['gpu_model']}:{said['gpu']}" if "gpu_model" in said else f"--gpus={said['gpu']}"
            )
        options += shlex.split(said.get("slurm_extra", ""))
        minutes = said["runtime"] if said["runtime"].isdigit() else ""
        account, partition = said.get("slurm_account", ""), said.get("slurm_partition", "")
        found.append(Asked(stage.name, tuple(options), account, partition, minutes))
    return found


def _resources(content: Any) -> dict[str, str]:
    """Resources of a list of NAME=VALUE or a mapping; empty where the value is none in plain words."""
    if isinstance(content, str):
        content = [content]
    if isinstance(content, list):
        content = dict(str(one).partition("=")[::2] for one in content)
    if not isinstance(content, dict):
        return {}
    found = {}
    for name, value in content.items():
        text = str(value).strip()
        quoted = text[:1] in ("'", '"') and text[-1:] == text[:1] and len(text) > 1
        text = text[1:-1] if quoted else text
        found[str(name).strip()] = text if name == "slurm_extra" or PLAIN.fullmatch(text) else ""
    return found


def _of_rules(content: Any) -> dict[str, dict[str, str]]:
    """Resources by rule, of a list of RULE:NAME=VALUE or a mapping of mappings."""
    if isinstance(content, str):
        content = [content]
    if isinstance(content, list):
        rules: dict[str, list[str]] = {}
        for one in content:
            rule, _, said = str(one).partition(":")
            rules.setdefault(rule, []).append(said)
        return {rule: _resources(said) for rule, said in rules.items()}
    return {str(rule): _resources(said) for rule, said in content.items()} if isinstance(content, dict) else {}
