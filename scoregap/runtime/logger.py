"""Snakemake, with a logger plugin that tells `scoregap run` what becomes of its jobs, and our executor for Slurm.

records in Snakemake's log -> events, one line of JSON each, into the descriptor that the environment names

`python -m scoregap.runtime.logger ...` is `python -m snakemake --logger scoregap ...`. Snakemake looks for
plugins right on the path, where an editable install has no packages, so this one is registered here. What Snakemake
starts for its jobs, here or on a cluster, is a plain `python -m snakemake`: only this process tells, and each event
once. All that is printed stays as it is.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from logging import LogRecord
from typing import Any

from snakemake import cli
from snakemake.common import NOTHING_TO_BE_DONE_MSG
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent, logger_plugin_module_prefix
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from scoregap.runtime.events import DESCRIPTOR, Event

NAME = "scoregap"


class LogHandler(LogHandlerBase):
    """What the interface asks for. It has a filter of its own, none: `quiet` in a profile is for what is printed."""

    writes_to_stream, writes_to_file, has_filter, has_formatter, needs_rulegraph = False, False, True, True, False

    def __post_init__(self) -> None:
        """Open the descriptor, and keep it from jobs."""
        number = int(os.environ[DESCRIPTOR])
        os.set_inheritable(number, False)
        self.file = os.fdopen(number, "w", encoding="utf-8", buffering=1)

    def emit(self, record: LogRecord) -> None:
        """Write the event of a record, if that is one of ours."""
        try:
            if event := event_of(vars(record)):
                self.file.write(f"{event.line()}\n")
        except Exception:  # as all handlers do: a traceback on stderr, and the workflow goes on
            self.handleError(record)


def event_of(record: Mapping[str, Any]) -> Event | None:
    """The event in a record of Snakemake's log; None for what nobody asks for. A job has a name in each of them."""
    match record.get("event"):
        case LogEvent.RUN_INFO as name:
            return Event(event=name, totals=record["stats"])
        case LogEvent.JOB_INFO as name:
            return Event(event=name, job=record["jobid"], rule=record["rule_name"], logs=_texts(record["log"]))
        case LogEvent.JOB_FINISHED as name:
            return Event(event=name, job=record["job_id"])
        case LogEvent.JOB_ERROR if not record["indent"]:  # else it is in the error of its group
            return _error(record)
        case LogEvent.GROUP_ERROR as name:
            return Event(
                event=name, logs=_texts(record["aux_logs"]), jobs=[_error(one) for one in record["job_error_info"]]
            )
        case LogEvent.PROGRESS as name:
            return Event(event=name, done=record["done"], total=record["total"])
        case None if record["msg"] == NOTHING_TO_BE_DONE_MSG:
            return Event(event="nothing", message=record["msg"])
    return None


def _error(record: Mapping[str, Any]) -> Event:
    said = [record["rule_msg"], *record["aux"].values()]
    return Event(
        event=LogEvent.JOB_ERROR, job=record["jobid"], rule=record["rule_name"], logs=_texts(record["log"]),
        message="\n".join(_texts(one for one in said if one)),
    )  # fmt: skip


def _texts(values: Iterable[object]) -> list[str]:
    """As UTF-8 can say them: a path may have bytes that are no text."""
    return [str(one).encode(errors="backslashreplace").decode() for one in values]


def main(arguments: list[str]) -> None:
    """Snakemake's command line, with the plugins; ends the process."""
    LoggerPluginRegistry().register_plugin(logger_plugin_module_prefix + NAME, sys.modules[__name__])
    executors = ExecutorPluginRegistry()
    if executors.is_installed("slurm"):  # in its place: settings and profiles are the same
        from scoregap.runtime import slurm

        executors.plugins["slurm"] = executors.load_plugin("slurm", slurm)
    cli.main([*arguments, "--logger", NAME])


if __name__ == "__main__":
    main(sys.argv[1:])
