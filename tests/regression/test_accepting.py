"""A baseline is accepted where anybody can later say what it is of, and refused everywhere else."""

import subprocess
from datetime import UTC, datetime

import pytest
from tiny import BLOCKS, edited

from scoregap import InputError
from scoregap.regression import accepting, baselines, reports
from scoregap.study import digest, load


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A committed git tree, and nothing that keeps the tiny study's run from being a baseline."""
    root = tmp_path / "tree"
    (root / "results" / "baselines").mkdir(parents=True)
    for name, value in {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CI", raising=False)
    (root / "code.py").write_text("1")
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    monkeypatch.setattr(accepting, "FEWEST", 2)
    take = baselines.take
    monkeypatch.setattr(
        baselines,
        "take",
        lambda *given: take(*given).model_copy(update={"revision": "abc"}),  # whatever ours is
    )
    return root


def accept(results, tree, reason="first"):
    path = tree / "results" / "baselines" / "tiny.json"
    return accepting.accept(*results, reason, path, path, tree), path


@pytest.mark.slow
def test_a_baseline_is_accepted_and_the_run_is_the_same_as_it(results, tree):
    made, path = accept(results, tree, " the\n first ")
    assert baselines.read(path) == made
    assert (made.reason, made.date) == ("the first", datetime.now(UTC).date().isoformat())
    assert reports.check_run(*results, path)[0].status(strict=True) == reports.OK
    before = path.read_bytes()
    accept(results, tree, "the first")  # baselines may be uncommitted, so that several can be accepted
    assert path.read_bytes() == before


def refused(results, tree, says, reason="first"):
    path = tree / "results" / "baselines" / "tiny.json"
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(InputError, match=says) as caught:
        accept(results, tree, reason)
    assert len(str(caught.value).splitlines()) == 1
    assert (path.read_bytes() if path.exists() else None) == before


def test_no_baseline_in_ci(results, tree, monkeypatch):
    monkeypatch.setenv("CI", "true")
    refused(results, tree, "CI is set")


def test_no_baseline_without_a_reason(results, tree):
    refused(results, tree, "--reason is empty", reason=" \n")


@pytest.mark.parametrize("change", ["edited", "untracked"])
def test_no_baseline_of_an_uncommitted_tree(results, tree, change):
    (tree / ("code.py" if change == "edited" else "more.py")).write_text("2")
    refused(results, tree, "1 uncommitted changes, as (code|more).py")


def test_a_study_of_one_s_own_in_the_tree_and_its_baseline_are_no_changes(results, tree):
    study, folder = results
    (tree / "my").mkdir()
    path = tree / "my" / "a [1] b.yaml"
    path.write_text(study.path.read_text())
    beside = path.with_suffix(".baseline.json")
    for _ in range(2):
        accepting.accept(load(path), folder, "first", beside, beside, tree)
    (tree / "my" / "a 1 b.yaml").touch()
    with pytest.raises(InputError, match="1 uncommitted changes, as "):
        accepting.accept(load(path), folder, "first", beside, beside, tree)


def test_no_baseline_without_git(results, tree, tmp_path):
    (tree / ".git").rename(tmp_path / "aside")
    refused(results, tree, "is not a git tree")


def test_no_baseline_of_a_cube_of_an_uncommitted_tree(results, tree, monkeypatch):
    take = baselines.take
    monkeypatch.setattr(baselines, "take", lambda *given: take(*given).model_copy(update={"revision": "abc-dirty"}))
    refused(results, tree, "uncommitted tree, abc-dirty")


def test_no_baseline_of_too_few_seeds(results, tree, monkeypatch):
    monkeypatch.setattr(accepting, "FEWEST", 3)
    refused(results, tree, "2 seeds are too few")


@pytest.mark.parametrize(("block", "seeds"), [("one", 1), ("draws", 2)])
def test_no_baseline_of_a_block_of_too_few_seeds(tree, tmp_path, monkeypatch, block, seeds):
    """Those of a block may be fewer than those of the axes; of the exact score alone any number will do."""
    monkeypatch.setattr(accepting, "FEWEST", 3 if block == "draws" else 2)
    few = {"one": ("std: [1.0]}", "std: [1.0], seed: 1}"), "draws": ("seed: 6", "seed: 1")}[block]
    with pytest.raises(InputError, match=f"{seeds} seeds are too few"):
        accept((load(edited(tmp_path, *BLOCKS, few)), tmp_path), tree)


def test_no_baseline_of_failed_cells(results, tree, monkeypatch):
    take = baselines.take
    monkeypatch.setattr(
        baselines, "take", lambda *given: take(*given).model_copy(update={"not_ok": ["c: failed, seed 1"]})
    )
    refused(results, tree, "1 cells are not ok, as c: failed, seed 1")


def changed(record, factors, name="curvature=0.5 gated-8: excess"):
    one = record.metrics[name]
    moved = [value * factor for value, factor in zip(one.values, factors, strict=True)]
    return record.model_copy(
        update={"metrics": record.metrics | {name: one.model_copy(update={"values": moved, "margin": 0.1})}}
    )


def test_no_baseline_on_inconclusive_results_but_on_clear_ones(results, tree):
    made, path = accept(results, tree)
    baselines.write(path, changed(made, [1.5, 0.6]))
    refused(results, tree, "inconclusive, as curvature=0.5 gated-8: excess")
    baselines.write(path, changed(made, [2.0, 2.0]))
    accept(results, tree)


def test_the_baseline_before_it_may_be_that_of_the_project(results, tree):
    """An installed package has no git tree, and its baselines are not where the user's are."""
    ours, own = tree / "results" / "baselines" / "tiny.json", tree / "own.json"
    made = accepting.accept(*results, "first", ours, ours, None)
    baselines.write(ours, changed(made, [1.5, 0.6]))
    with pytest.raises(InputError, match="against the one before, 1 metrics are inconclusive"):
        accepting.accept(*results, "mine", own, ours, None)
    assert not own.exists()
    baselines.write(ours, changed(made, [2.0, 2.0]))
    accepting.accept(*results, "mine", own, ours, None)
    assert baselines.read(own).metrics == made.metrics


def test_another_study_of_the_same_name_replaces_it(results, tree):
    made, path = accept(results, tree)
    config = made.config | {"spectrum": {}}
    other = changed(made, [1.5, 0.6]).model_copy(update={"config": config, "config_hash": digest(config)})
    baselines.write(path, other)
    assert accept(results, tree)[0].config == made.config
