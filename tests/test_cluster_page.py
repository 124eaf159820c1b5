"""What docs/how_to/cluster.md adds to a profile is what Snakemake reads: a study is planned with each."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny import edited

from scoregap.runtime import scheduler, workflow
from scoregap.study import load

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "how_to" / "cluster.md").read_text()
SNIPPETS = [one for one in map(yaml.safe_load, re.findall(r"^```yml\n(.*?)^```$", TEXT, re.M | re.S)) if
            "executor" not in one]  # fmt: skip
SETTINGS = yaml.safe_load((workflow.PROFILES / "slurm" / "config.yaml").read_text())


def told(snippet):
    """{stage, or "": {resource: value}} that a snippet sets."""
    found: dict[str, dict[str, str]] = {}
    for one in snippet.get("default-resources", []):
        found.setdefault("", {}).update([one.split("=")])
    for one in snippet.get("set-resources", []):
        stage, _, said = one.partition(":")
        found.setdefault(stage, {}).update([said.split("=")])
    return found


def test_every_want_of_a_cluster_has_its_lines():
    keys = [key for one in SNIPPETS for key in one]
    assert sorted(set(keys)) == ["default-resources", "latency-wait", "precommand", "retries", "set-resources"]
    assert {name for one in SNIPPETS for of in told(one).values() for name in of} == {
        "slurm_account", "slurm_partition", "qos", "gpu", "gpu_model", "runtime",
    }  # fmt: skip


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda one: " ".join(one))
def test_what_is_asked_of_slurm_beforehand_is_what_the_lines_say(tmp_path, snippet):
    study = load(edited(tmp_path))
    before = {one.stage: one.options for one in scheduler.asked(study, SETTINGS)}
    for one in scheduler.asked(study, SETTINGS | snippet):
        said = told(snippet).get("", {}) | told(snippet).get(one.stage, {})
        assert (set(one.options) != set(before[one.stage])) == bool(said)
        assert all(value in " ".join(one.options) for value in said.values())


@pytest.mark.slow
@pytest.mark.workflow
@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda one: " ".join(one))
def test_a_study_is_planned_with_it(tmp_path, snippet):
    pytest.importorskip("snakemake_executor_plugin_slurm")
    study = edited(tmp_path, ("depth: 1", "depth: 1\n  device: auto"))
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text(yaml.safe_dump(SETTINGS | snippet))
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--dry-run", "--profile", "none",
        "--workflow-profile", "profile", "--config", f"study={study}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    planned = re.findall(r"^ *rule (\w+):\n(?: +(?!resources).*\n)*? +resources: (.*)$", done.stdout, re.M)
    assert {rule for rule, _ in planned} == {"train", "spectrum", "fit", "cube", "compare", "report", "all"}
    for rule, text in planned:  # of the last one, which does nothing, too
        for name, value in (told(snippet).get("", {}) | told(snippet).get(rule, {})).items():
            assert re.search(rf"{name}={re.escape(value)}\b", text), (rule, text)
