"""The list of stages: what it says of each is true of the study's schema and of the modules."""

from importlib import import_module

import own_data
import pytest

from scoregap.study import load
from scoregap.study.schema import Document
from scoregap.study.stages import STAGES


def test_every_section_is_read_for_the_first_time_by_one_stage():
    read = [section for stage in STAGES for section in stage.sections]
    assert len(set(read)) == len(read)
    assert set(read) <= set(Document.model_fields)


def test_a_stage_is_optional_where_a_study_may_leave_its_section_out_and_nothing_else_needs_it():
    for stage in STAGES:
        if stage.optional:
            (section,) = stage.sections
            assert not Document.model_fields[section].is_required()
            assert Document.model_fields[section].default is None


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_is_a_module_with_run(stage):
    assert callable(import_module(f"scoregap.stages.{stage.name}").run)
    assert stage.revision >= 1
    assert stage.summary.endswith(".")


def test_a_second_revision_is_of_data_from_a_file_alone(monkeypatch, tiny, tmp_path):
    """Raised, their results are made anew, and those of families hold."""
    own = own_data.written(tmp_path)

    def keys():
        studies = load(tiny), load(own)
        return [(one.cells[-1].key("spectrum"), one.cells[-1].key("fit"), one.fingerprint("report")) for one in studies]

    before = keys()
    raised = [one._replace(of_data=one.of_data + (one.name == "spectrum")) for one in STAGES]
    for module in ("grid", "hashing"):
        monkeypatch.setattr(f"scoregap.study.{module}.STAGES", raised)
    family, of_file = keys()
    assert family == before[0]
    assert set(of_file).isdisjoint(before[1])
