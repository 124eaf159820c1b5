"""A run as a record: where it comes from and its margins; and the file, whole or refused."""

import json
import math

import numpy as np
import pytest
from bounded import SPECIAL, at_once
from tiny import BLOCKS, edited

from scoregap import DamagedFile, InputError
from scoregap.regression import baselines
from scoregap.regression.baselines import read, with_margins, write
from scoregap.regression.metrics import Metric
from scoregap.store.weights import read_weights, write_weights
from scoregap.study import load


def test_a_record_says_where_it_comes_from(record, results):
    study, _ = results
    assert (record.study, record.seeds, record.not_ok) == ("tiny", [0, 1], [])
    assert record.device.endswith(", cpu")
    assert "torch" in record.versions
    assert record.revision
    assert set(record.config) == {"axes", "manifold", "train", "spectrum", "fit"}
    assert "seed" not in record.config["axes"]
    assert study.name not in json.dumps(record.config)
    assert all((metric.margin is None) == (metric.network != "gated-8") for metric in record.metrics.values())


def test_what_networks_were_trained_on_is_the_device(results, tmp_path):
    study, folder = results
    (tmp_path / "train").mkdir()
    for file in (folder / "train").glob("*.safetensors"):
        members, tensors = read_weights(file)
        first = min(members)
        changed = members | {first: members[first] | {"device": "cuda"}}
        write_weights(tmp_path / "train" / file.name, changed, tensors)
    assert baselines.device(study, tmp_path, "Linux x") == "Linux x, cpu and cuda"


def test_margins_are_three_deviations_for_eight_seeds_and_more_for_fewer():
    rng = np.random.default_rng(0)
    for seeds in (3, 8, 32):
        logs = rng.standard_normal(seeds)
        one = {"z": Metric(network="x", kind="spectrum", margin=1.0, values=np.exp(logs).tolist())}
        margin = with_margins(one)["z"].margin
        assert margin == pytest.approx(3 * logs.std(ddof=1) * math.sqrt(8 / seeds), rel=1e-3)
    still = {
        "b": Metric(network="x", kind="t_max", margin=1.0, values=[2.0, 2.0]),
        "a": Metric(network="x", kind="t_max", margin=None, values=[1.0]),
    }
    found = with_margins(still)
    assert found["b"].margin == 0.01
    assert found["a"].margin is None
    assert list(found) == ["a", "b"]


def test_a_baseline_comes_back_and_reads_well_as_a_diff(record, tmp_path):
    path = tmp_path / "deep" / "tiny.json"
    write(path, record)
    assert read(path) == record
    lines = path.read_text().splitlines()
    names = [
        json.loads("{" + line.strip().rstrip(",") + "}") for line in lines if line.startswith("  ") and '"kind"' in line
    ]
    assert [next(iter(one)) for one in names] == sorted(record.metrics)
    shuffled = record.model_copy(update={"metrics": dict(reversed(record.metrics.items()))})
    write(tmp_path / "again.json", shuffled)
    assert (tmp_path / "again.json").read_text() == path.read_text()
    name = names[3].keys()
    metric = record.metrics[next(iter(name))]
    moved = record.model_copy(
        update={"metrics": record.metrics | {next(iter(name)): metric.model_copy(update={"values": [1.0, 2.0]})}}
    )
    write(tmp_path / "moved.json", moved)
    changed = [a for a, b in zip(lines, (tmp_path / "moved.json").read_text().splitlines(), strict=True) if a != b]
    assert len(changed) == 1


ONE = {"network": "n", "kind": "cost", "margin": 1.0, "values": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda c: c | {"format": 2}, "another version"),
        (lambda c: c | {"more": 1}, "more"),
        (lambda c: {k: v for k, v in c.items() if k != "seeds"}, "seeds"),
        (lambda c: c | {"seeds": [0]}, "a value per seed"),
        (lambda c: c | {"seeds": ["0", "1"]}, "seeds.0"),
        (lambda c: c | {"config": {}}, "config_hash"),
        (lambda c: c | {"metrics": {"a": ONE | {"kind": "odd"}}}, "known kind"),
        (lambda c: c | {"metrics": {"a": ONE | {"margin": 0.0}}}, "margin"),
        (lambda c: [c], "the file"),
    ],
)  # fmt: skip
def test_foreign_and_damaged_baselines_are_one_line(record, tmp_path, damage, says):
    path = tmp_path / "b.json"
    write(path, record)
    path.write_text(json.dumps(damage(json.loads(path.read_text()))))
    with pytest.raises(DamagedFile, match=says) as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": NaN}'])
def test_what_is_no_json_is_refused(tmp_path, content):
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(DamagedFile):
        read(path)


def test_no_baseline_says_how_to_make_one(tmp_path):
    for path in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(InputError, match="scoregap baseline accept"):
            read(path)


@pytest.mark.parametrize("kind", ["circle of links", "FIFO", "folder"])
def test_weights_that_cannot_be_read_are_not_of_no_device(results, tmp_path, kind):
    study, _ = results
    (tmp_path / "train").mkdir()
    job = next(job for job in study.jobs.values() if job.trained)
    SPECIAL[kind](tmp_path / "train" / f"{job.id}.safetensors")
    with at_once(), pytest.raises(DamagedFile, match=f"is a {kind}"):
        baselines.device(study, tmp_path, "Linux x")


def test_more_seeds_of_a_block_are_the_same_study(tmp_path):
    """As more of axes.seed are: seeds are compared one by one."""
    config = baselines.config_of(load(edited(tmp_path, *BLOCKS)))
    assert list(config["blocks"]) == ["curved", "one", "schedules", "draws"]
    assert not [grid for grid in (config["axes"], *config["blocks"].values()) if "seed" in grid]
    assert baselines.config_of(load(edited(tmp_path, *BLOCKS, ("seed: 6", "seed: 8")))) == config
    assert (
        baselines.config_of(load(edited(tmp_path, *BLOCKS, ("[0.0, 0.5], network", "[0.0, 0.9], network")))) != config
    )
