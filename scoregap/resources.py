"""What a job asks a cluster for: memory, time and GPUs, from its size alone.

(stage, job) or (stage, study) -> megabytes, minutes, GPUs
"""

from typing import NamedTuple

from scoregap.study import Job, Study


class Request(NamedTuple):
    """memory in MB, time in minutes, GPUs."""

    memory: int
    minutes: int
    gpus: int = 0


def of_job(stage: str, job: Job) -> Request:
    """Resources of a stage of one job."""
    return Request(1500, 15, gpus(job) if stage in ("train","spectrum","dimension") else 0)


def of_study(stage: str, study: Study) -> Request:
    """Resources of a stage that gathers all jobs."""
    return Request(1500, 15)


def gpus(job: Job) -> int:
    cell=job.cells[0]
    return int(cell.trained and cell.training.device.startswith("cuda"))
