"""The JSON Schema of studies is current, takes what `load` takes, and refuses misspelt and impossible values."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from tiny import BLOCKS, TINY, WITH_DIMENSION, WITH_SAMPLING, edited

from scoregap import InputError
from scoregap.study import json_schema, load
from scoregap.study.schema import AXES, Document

ROOT = Path(__file__).parents[2]
FILE = ROOT / "workflow" / "schemas" / "study.json"
STUDIES = sorted((ROOT / "workflow" / "studies").glob("*.yaml"))
CHECK = jsonschema.Draft202012Validator(json_schema.build())


def mistakes(text):
    return list(CHECK.iter_errors(yaml.safe_load(text)))


def test_the_file_is_current():
    assert FILE.read_text(encoding="utf-8") == json_schema.render(), "is stale: make schema"
    CHECK.check_schema(json.loads(FILE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_studies_say_where_it_is_and_pass(path):
    text = path.read_text(encoding="utf-8")
    (place,) = [
        line.partition("$schema=")[2] for line in text.splitlines() if line.startswith("# yaml-language-server:")
    ]
    assert (path.parent / place).resolve() == FILE
    assert mistakes(text) == []


def test_every_section_passes(tmp_path):
    for changes in (BLOCKS, (WITH_DIMENSION,), (WITH_SAMPLING,)):
        assert mistakes(edited(tmp_path, *changes).read_text()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("axes:", "axis:"),
        ("  curvature: [0.0, 0.5]\n", ""),
        ("[0.0, 0.5]", "[]"),
        ("[0.0, 0.5]", "[0.5, 0.5]"),
        ("[0.0, 0.5]", "[-0.5]"),
        ("[arcs]", "[blobs]"),
        ("gated-8]", "gatd-8]"),
        ("gated-8]", "linear-8]"),
        ("seed: 2", "seed: 0"),
        ("manifold_dim: [2]", "manifold_dim: [two]"),
        ("  seed: 2", "  colour: [1]\n  seed: 2"),
        ("  seed: 2", "  train.steps: [[1]]\n  seed: 2"),
        ("  seed: 2", "  train.steps: [0]\n  seed: 2"),
        ("  seed: 2", "  train.noise: [1]\n  seed: 2"),
        ("  seed: 2", "  train.device: [cpu]\n  seed: 2"),
        ("  seed: 2", "  manifold.groups.01.std: [1.0]\n  seed: 2"),
        ("  seed: 2", "  train.preconditioning: [edm, eps]\n  seed: 2"),
        ("batch:", "blocks: {one: {colour: [1]}}\nbatch:"),
        ("batch:", "blocks: {One: {curvature: [1.0]}}\nbatch:"),
        ("std: 0.1}", "std: -0.1}"),
        ("steps: 40", "steps: many"),
        ("steps: 40", "steps: 0"),
        ("depth: 1", "depths: 1"),
        ("depth: 1", "preconditioning: eps"),
        ("depth: 1", "device: tpu"),
        ("  points: 4", "  points: 4\n  method: lucky"),
        ("study: tiny", "study: ../tiny"),
        ("study: tiny", "study: baselines"),
        ("study: tiny", "study: benchmarks"),
        ("study: tiny", "study: findings"),
        ("  flat: {t_open: 0.15, ", "  flat: {"),
        ("compare:", "compare:\n  require: [theory, theory]"),
    ],
)
def test_it_refuses_what_is_refused_key_by_key(old, new, tmp_path):
    path = edited(tmp_path, (old, new))
    assert mistakes(path.read_text())
    with pytest.raises(InputError):
        load(path)


def test_a_misspelt_key_is_refused_everywhere(tmp_path):
    """In every section of a study that has them all."""
    content = yaml.safe_load(edited(tmp_path, WITH_DIMENSION, *BLOCKS).read_text())
    places = [content]
    while places:
        place = places.pop()
        places += [one for one in place.values() if isinstance(one, dict) and one is not content["blocks"]]
        for key in list(place):
            place[f"{key}Z"] = place.pop(key)
            assert list(CHECK.iter_errors(content)), key
            place[key] = place.pop(f"{key}Z")
    assert not list(CHECK.iter_errors(content))


def test_every_key_is_described():
    """The reference of study keys is made of these descriptions."""
    described = json_schema.build()
    for model in (described, *described["$defs"].values()):
        assert model.get("description"), model
        for key, one in model["properties"].items():
            assert one.get("description"), key
    assert set(described["properties"]) == set(Document.model_fields)
    assert set(AXES) < set(described["$defs"]["Axes"]["properties"])
    assert mistakes(TINY) == []
