"""The record of the tiny study, and reports that are made up."""

from types import SimpleNamespace

import pytest

from scoregap.regression.baselines import take
from scoregap.regression.reports import Report
from scoregap.regression.verdicts import worst_first


@pytest.fixture(scope="session")
def record(results):
    """What the tiny study is reduced to."""
    return take(*results)


@pytest.fixture(scope="session")
def report_of():
    """(verdicts that the study requires, *rows) -> report."""

    def made(require, *rows) -> Report:
        study = SimpleNamespace(name="s", required=list(require))
        return Report(study, None, worst_first(list(rows)), 0)

    return made
