"""A study file is refused with one line, or means what it says."""

import pytest
from tiny import TINY, WITH_DIMENSION, edited

from scoregap import InputError
from scoregap.study import load

# Everything an author may get wrong: what is written, and what the one line must name (key, value, allowed).
MISTAKES = {
    "unknown key": ("depth: 1", "depths: 1", "train.depths: unknown key: did you mean depth? allowed are steps"),
    "unknown section": ("train:", "trian:", "trian: unknown key: did you mean train? allowed are study"),
    "wrong type": ("steps: 40", "steps: many", "train.steps: 'many' is not allowed: should be a valid integer"),
    "bool for a number": ("steps: 40", "steps: on", "train.steps: True is not allowed: should be a valid integer"),
    "exponent YAML reads as text": ("start: 1.0e-3", "start: 1e-3", "write it with a point and a signed exponent"),
    "empty axis": ("[0.0, 0.5]", "[]", "axes.curvature: [] is not allowed: should be a non-empty list"),
    "axis without values": ("[0.0, 0.5]", "", "axes.curvature: None is not allowed"),
    "missing axis": ("  curvature: [0.0, 0.5]\n", "", "axes: key 'curvature' is missing"),
    "unknown axis": ("  seed: 2", "  colour: [1]\n  seed: 2", "axes.colour: unknown axis: allowed are family"),
    "axis into nothing": ("  seed: 2", "  train.stepz: [1]\n  seed: 2", "axes.train.stepz: unknown axis"),
    "bad value of an inner axis": ("  seed: 2", "  train.steps: [0]\n  seed: 2", "train.steps: 0 is not allowed"),
    "m > d": ("manifold_dim: [2]", "manifold_dim: [9]", "axes.manifold_dim: 9 is not allowed"),
    "2m > d with curvature": ("manifold_dim: [2]", "manifold_dim: [5]", "at least 10 of axes.ambient_dim, which has 8"),
    "negative curvature": ("[0.0, 0.5]", "[-0.5]", "axes.curvature[0]: -0.5 is not allowed"),
    "infinite curvature": ("[0.0, 0.5]", "[.inf]", "axes.curvature[0]: inf is not allowed: should be a finite"),
    "nan std": ("std: 0.1}", "std: .nan}", "manifold.groups[1].std: nan is not allowed: should be a finite"),
    "negative std": ("std: 0.1}", "std: -0.1}", "manifold.groups[1].std: -0.1 is not allowed"),
    "negative seed": ("seed: 2", "seed: [0, -1]", "axes.seed[1]: -1 is not allowed"),
    "no seeds": ("seed: 2", "seed: 0", "axes.seed: 0 is not allowed: a count should be from 1"),
    "too many cells": ("seed: 2", "seed: 100000\n  fit.level: [0.1, 0.2]", "axes: 1200000 cells are not allowed"),
    "duplicate axis value": ("[0.0, 0.5]", "[0.5, 0.0, 0.5]", "axes.curvature: 0.5 is not allowed twice"),
    "duplicate as numbers": ("[0.0, 0.5]", "[0, 0.0]", "axes.curvature: 0.0 is not allowed twice"),
    "duplicate key": ("batch:", "study: tiny\nbatch:", "key 'study' is written twice"),
    "fractions": ("{fraction: 0.5, std: 0.1}", "{fraction: 0.4, std: 0.1}", "fractions sum to 0.9, not allowed"),
    "empty group": ("fraction: 0.5, std: 1.0}, {fraction: 0.5", "fraction: 0.9, std: 1.0}, {fraction: 0.1", "gives no"),
    "times below the noise range": ("start: 1.0e-3", "start: 1.0e-5", "spectrum.times.start: 1e-05 is not allowed"),
    "times above the noise range": ("stop: 100.0", "stop: 300.0", "spectrum.times.stop: 300.0 is not allowed"),
    "focus outside": ("stop: 200.0}", "stop: 200.0, focus: {start: 0.1, stop: 300.0}}", "noise.focus.stop: 300.0"),
    "times reversed": ("stop: 100.0", "stop: 0.0005", "spectrum.times.stop: 0.0005 is not allowed: should exceed"),
    "unknown family": ("[arcs]", "[blobs]", "axes.family[0]: 'blobs' is not allowed: should be one of linear, arcs"),
    "unknown network": ("gated-8]", "gatd-8]", "axes.network[2]: 'gatd-8' is not allowed: did you mean gated-8? "),
    "network without width": ("gated-8]", "gated]", "axes.network[2]: 'gated' is not allowed"),
    "width of a network without": ("gated-8]", "linear-8]", "width gated, scaled, bypass, resmlp, normed, unet, as"),
    "family before its dash": ("gated-8]", "gated-]", "axes.network[2]: 'gated-' is not allowed"),
    "dimension as text": ("manifold_dim: [2]", "manifold_dim: [two]", "axes.manifold_dim[0]: 'two' is not allowed"),
    "no mapping": ("fit:\n  resamples: 50", "fit: 50", "fit: 50 is not allowed: should be a mapping"),
    "unknown preconditioning": ("depth: 1", "preconditioning: eps", "should be one of edm, epsilon, x0, covariance"),
    "covariance of fewer points than dimensions": (
        "depth: 1",
        "preconditioning: covariance\n  covariance_points: 7",
        "train.covariance_points: 7 is not allowed: the preconditioning covariance needs as many points as dimensions, "
        "8, at least",
    ),
    "unknown draws": ("depth: 1", "draws: paired", "'paired' is not allowed: should be one of independent, antithetic"),
    "pairs of an odd number": (
        "samples: 4", "samples: 5\n  draws: antithetic", "train.samples: 5 is not allowed: antithetic draws are pairs"),
    "unknown target": ("depth: 1", "target: mean", "train.target: 'mean' is not allowed: should be one of sample, p"),
    "unknown schedule": ("depth: 1", "schedule: vq", "train.schedule: 'vq' is not allowed: should be one of ve, vp"),
    "unknown optimiser": ("depth: 1", "optimiser: sgd", "should be one of adam, radam"),
    "unknown decay": ("depth: 1", "decay: linear", "should be one of cosine, none"),
    "no patience at all": ("depth: 1", "patience: 0", "train.patience: 0 is not allowed"),
    "noise beyond vp": (
        "depth: 1\n  noise: {start: 5.0e-4, stop: 200.0}",
        "depth: 1\n  schedule: vp\n  noise: {start: 5.0e-4, stop: 30000.0}",
        "train.noise.stop: 30000.0 is not allowed: the schedule vp has noise variances up to 23155",
    ),
    "text of an inner axis": (
        "  seed: 2",
        "  train.preconditioning: [edm, eps]\n  seed: 2",
        "axes.train.preconditioning = 'eps': train.preconditioning: 'eps' is not allowed: did you mean epsilon? should "
        "be one of edm",
    ),
    "text on an axis of numbers": ("  seed: 2", "  train.steps: [ten]\n  seed: 2", "train.steps: 'ten' is not allowed"),
    "number on an axis of texts": ("  seed: 2", "  manifold.frame: [1]\n  seed: 2", "manifold.frame: 1 is not allowed"),
    "a list on an inner axis": ("  seed: 2", "  train.steps: [[1]]\n  seed: 2", "train.steps[0]: [1] is not allowed"),
    "an axis that is a section": ("  seed: 2", "  train.noise: [1]\n  seed: 2", "no number or text there"),
    "an axis of devices": ("  seed: 2", "  train.device: [cpu]\n  seed: 2", "axes.train.device: unknown axis"),
    "two points at least": ("manifold:", "manifold:\n  dataset_size: 1", "manifold.dataset_size: 1 is not allowed"),
    "unknown device": ("depth: 1", "device: tpu", "train.device: 'tpu' is not allowed: should be auto, cpu, cuda"),
    "batch over the network": ("batch: [seed]", "batch: [network]", "batch: 'network' is not allowed"),
    "batch over no axis": ("batch: [seed]", "batch: [sede]", "batch: 'sede' is not allowed: did you mean seed? should"),
    "name that leaves the folder": ("study: tiny", "study: ../tiny", "study: '../tiny' is not allowed"),
    "name of the folder of baselines": ("study: tiny", "study: baselines", "study: 'baselines' is not allowed"),
    "name of the folder of benchmarks": ("study: tiny", "study: benchmarks", "of baselines, benchmarks, findings"),
    "name of the folder of findings": ("study: tiny", "study: findings", "study: 'findings' is not allowed: should be"),
    "name for a shell": ("study: tiny", "study: $(id)", "study: '$(id)' is not allowed"),
    "text for a number": ("ambient_dim: [8]", 'ambient_dim: ["8"]', "axes.ambient_dim[0]: '8' is not allowed"),
    "float for a count": ("ambient_dim: [8]", "ambient_dim: [8.0]", "axes.ambient_dim[0]: 8.0 is not allowed"),
    "bool on an axis": ("[0.0, 0.5]", "[true]", "axes.curvature[0]: True is not allowed"),
    "seed beyond 64 bits": ("seed: 2", "seed: [10000000000000000000000]", "axes.seed[0]: "),
    "number of 5000 digits": ("seed: 2", f"seed: [{'9' * 5000}]", "line 8: a number of more than 400 characters"),
    "3000 brackets": ("seed: 2", f"seed: {'[' * 3000}", "line 8: a depth of more than 30 levels is not allowed"),
    "curvature of what is flat": ("[arcs]", "[linear]", "axes.curvature: 0.5 is not allowed: linear has"),
    "setting of another family": ("manifold:", "manifold:\n  separation: 2.0", "manifold.separation: 2.0 is not"),
    "latents of another family": ("manifold:", "manifold:\n  latents: uniform", "manifold.latents: 'uniform' is not"),
    "unknown latents": ("manifold:", "manifold:\n  latents: cauchy", "manifold.latents: 'cauchy' is not allowed"),
    "noise below 0": ("manifold:", "manifold:\n  noise: -0.1", "manifold.noise: -0.1 is not allowed"),
    "a point, no mixture": ("fraction: 0.5, std: 0.1", "fraction: 0.0, std: 0.1", "manifold.groups: fractions sum to"),
    "weight, no mixture": ("std: 0.1}", "std: 0.1, weight: 2.0}", "groups[1].weight: 2.0 is not allowed"),
    "unknown variance law": ("std: 0.1}", "std: 0.1, law: gamma}", "groups[1].law: 'gamma' is not allowed"),
    "width of no law": ("std: 0.1}", "std: 0.1, width: 0.5}", "groups[1].width: 0.5 is not allowed"),
    "width beyond its law": ("std: 0.1}", "std: 0.1, law: uniform, width: 1.5}", "groups[1].width: 1.5 is not allowed"),
    "unknown frame": ("manifold:", "manifold:\n  frame: square", "manifold.frame: 'square' is not allowed"),
    "empirical without data": ("gaussian, gated-8", "empirical, gated-8", "manifold.dataset_size: is missing"),
    "share of nothing": ("manifold_dim: [2]", "manifold_dim: [0.0]", "axes.manifold_dim[0]"),
    "std beyond floats": ("std: 0.1}", "std: 1.0e+308}", "manifold.groups[1].std: 1e+308 is not allowed"),
    "unknown method": ("points: 4", "points: 4\n  method: forward", "spectrum.method: 'forward' is not allowed"),
    "step of exact": ("points: 4", "points: 4\n  step: 0.1", "spectrum.step: 0.1 is not allowed: the method 'exact'"),
    "step of nothing": ("points: 4", "points: 4\n  method: central\n  step: 0.0", "spectrum.step: 0.0 is not allowed"),
    "unknown sampling": ("points: 4", "points: 4\n  sampling: back", "spectrum.sampling: 'back' is not allowed"),
    "an axis of spectrum": ("  seed: 2", "  spectrum.step: [0.1]\n  seed: 2", "axes.spectrum.step: unknown axis"),
    "endless curvature": ("[0.0, 0.5]", "[1.0e+4]", "axes.curvature[0]: 10000.0 is not allowed"),
    "too many times": ("count: 24", "count: 1000000000", "spectrum.times.count: 1000000000 is not allowed"),
    "too many points": ("points: 4", "points: 1000000000000", "spectrum.points: 1000000000000 is not allowed"),
    "an axis spelt otherwise": ("  seed: 2", "  manifold.groups.-1.std: [0.1]\n  seed: 2", "unknown axis"),
    **{
        f"an axis of the member {member!r}": (
            "  seed: 2", f'  "manifold.groups.{member}.bend": [0.5, 1.0]\n  seed: 2',
            f"axes.manifold.groups.{member}.bend: unknown axis: ",
        )
        for member in (*"2+", "+0", "-0", " 0", "0 ", "00", "0_0", "0.0", "1e0", "", "\u0660", "\uff10", "\u00b2")
    },
    "two axes on one place": (
        "  seed: 2", "  manifold.groups.1.bend: [0.5]\n  manifold.groups.all.bend: [1.0]\n  seed: 2",
        "axes.manifold.groups.all.bend: is not allowed: it points where the axis manifold.groups.1.bend does"),
    "two axes on one place, the general one first": (
        "  seed: 2", "  manifold.groups.all.std: [0.5, 1.0]\n  manifold.groups.0.std: [2.0]\n  seed: 2",
        "axes.manifold.groups.0.std: is not allowed: it points where the axis manifold.groups.all.std does"),
    "duplicate as floats": (
        "  seed: 2", "  train.learning_rate: [9007199254740992, 9007199254740993]\n  seed: 2",
        "axes.train.learning_rate: 9007199254740992.0 is not allowed twice"),
    "duplicate zeros": ("[0.0, 0.5]", "[0.0, -0.0]", "axes.curvature: 0.0 is not allowed twice"),
    "duplicate zeros of an inner axis": (
        "  seed: 2", "  manifold.groups.0.bend: [0, -0.0]\n  seed: 2", "groups.0.bend: 0.0 is not allowed twice"),
    "a list as a key": ("batch:", "[1, 2]: 3\nbatch:", "a list or a mapping is no key"),
    "unknown estimator": ("fit:", "dimension: {estimators: [gap], times: {start: 0.1, stop: 1.0, count: 8}}\nfit:",
                          "dimension.estimators[0]: 'gap' is not allowed: should be one of final_gap, slq_count"),
    "estimator twice": (
        "fit:", "dimension: {estimators: [flipd, flipd], times: {start: 0.1, stop: 1.0, count: 8}}\nfit:",
        "dimension.estimators: ['flipd', 'flipd'] is not allowed: should be distinct"),
    "no estimators": ("fit:", "dimension: {estimators: [], times: {start: 0.1, stop: 1.0, count: 8}}\nfit:",
                      "dimension.estimators: [] is not allowed: "),
    "unknown key of dimension": (
        "fit:", "dimension: {estimators: [flipd], times: {start: 0.1, stop: 1.0, count: 8}, K: 4}\nfit:",
        "dimension.K: unknown key: allowed are estimators, times"),
    "times of estimates below the noise range": (
        "fit:", "dimension: {estimators: [flipd], times: {start: 1.0e-5, stop: 1.0, count: 8}}\nfit:",
        "dimension.times.start: 1e-05 is not allowed: should lie within the trained noise range"),
    "times of estimates reversed": (
        "fit:", "dimension: {estimators: [flipd], times: {start: 1.0, stop: 0.1, count: 8}}\nfit:",
        "dimension.times.stop: 0.1 is not allowed: should exceed start"),
    "switches below the noise range": (
        "fit:", "sampling: {switches: {start: 1.0e-5, stop: 1.0, count: 8}}\nfit:",
        "sampling.switches.start: 1e-05 is not allowed: should lie within the trained noise range"),
    "switches reversed": ("fit:", "sampling: {switches: {start: 1.0, stop: 0.1, count: 8}}\nfit:",
                          "sampling.switches.stop: 0.1 is not allowed: should exceed start"),
    "too many samples": ("fit:", "sampling: {switches: {start: 0.1, stop: 1.0, count: 8}, points: 5000}\nfit:",
                         "sampling.points: 5000 is not allowed: should be less than or equal to 4096"),
    "steps that do not go on": ("fit:", "sampling: {switches: {start: 0.1, stop: 1.0, count: 8}, ratio: 1.0}\nfit:",
                                "sampling.ratio: 1.0 is not allowed: should be greater than 1"),
    "unknown key of sampling": ("fit:", "sampling: {switches: {start: 0.1, stop: 1.0, count: 8}, n: 4}\nfit:",
                                "sampling.n: unknown key: allowed are switches, points, ratio"),
    "axis of sampling": ("  seed: 2", "  sampling.points: [8, 9]\n  seed: 2", "axes.sampling.points: unknown axis"),
    "axis of dimension": ("  seed: 2", "  dimension.points: [1, 2]\n  seed: 2", "axes.dimension.points: unknown axis"),
    "not YAML": ("axes:", "axes: [", "line"),
    "Python object": ("depth: 1", "depth: !!python/name:os.system", "is not YAML"),
    "train is missing": (TINY[TINY.index("train:") : TINY.index("spectrum:")], "", "train: is missing"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_that_names_file_key_value_and_what_is_allowed(tmp_path, old, new, says):
    path = edited(tmp_path, (old, new))
    with pytest.raises(InputError) as caught:
        load(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert says in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            ("exact, gaussian", "gaussian"),
            "dimension.estimators: 'local_pca' is not allowed: estimators of data go with",
        ),
        (("neighbours: 20", "neighbours: 200"), "dimension.neighbours: 200 is not allowed: should be less than data_p"),
    ],
)
def test_estimators_of_data_that_could_not_be_made_are_refused(tmp_path, change, says):
    with pytest.raises(InputError) as caught:
        load(edited(tmp_path, WITH_DIMENSION, change))
    assert says in str(caught.value)
    load(edited(tmp_path, WITH_DIMENSION, change, (", local_pca", "")))  # nobody asks for them


def test_yaml_merges_are_read(tmp_path):
    old = "groups: [{fraction: 0.5, std: 1.0}, {fraction: 0.5, std: 0.1}]"
    new = "groups: [&one {fraction: 0.5, std: 1.0}, {<<: *one, std: 0.1}]"
    assert load(edited(tmp_path, (old, new))).hash == load(edited(tmp_path)).hash


def test_files_that_are_no_studies(tmp_path):
    for name, content in {
        "list.yaml": b"[1]",
        "empty.yaml": b"",
        "binary.yaml": b"\xff\xfe\x00",
        "null.yaml": b"\0",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"^\S+: .*"):
            load(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)


def identity(path):
    """All by which a study and what is made of it are found again."""
    study = load(path)
    cells = [(cell.values, cell.key("fit"), cell.seed("data")) for cell in study.cells]
    return study.hash, study.fingerprint("cube"), list(study.jobs), cells


@pytest.mark.parametrize(
    "change",
    [
        ("curvature: [0.0, 0.5]", "curvature: [-0.0, 0.5]"),
        ("curvature: [0.0, 0.5]", "curvature: [0, 0.5]"),
        ("curvature: [0.0, 0.5]", "curvature: [-1.0e-400, .5]"),
        ("warmup: 0.0", "warmup: -0.0"),
        ("warmup: 0.0", "warmup: 0"),
        ("std: 1.0,", "std: 1,"),
        ("std: 1.0, width: 0.0", "std: 1.0, width: -0.0"),
        ("{fraction: 0.5, std: 0.1}]", "{fraction: !!float 0.5, std: 1.0e-1}]\n  separation: -0.0"),
        ("groups.1.std: [1.0]", "groups.1.std: [1]"),
        ("groups.0.width: [0.0]", "groups.0.width: [-0.0]"),
        ("groups.0.width: [0.0]", "groups.0.width: [!!float -0]"),
    ],
)
def test_another_spelling_of_the_same_numbers_is_the_same_study(tmp_path, change):
    text = TINY.replace("depth: 1", "depth: 1\n  warmup: 0.0").replace("std: 1.0}", "std: 1.0, width: 0.0}")
    text = text.replace("  seed: 2", "  manifold.groups.1.std: [1.0]\n  manifold.groups.0.width: [0.0]\n  seed: 2")
    text = text.replace("batch: [seed]", "batch: [seed, manifold.groups.0.width]")
    assert change[0] in text
    (tmp_path / "one.yaml").write_text(text)
    (tmp_path / "other.yaml").write_text(text.replace(*change))
    assert identity(tmp_path / "one.yaml") == identity(tmp_path / "other.yaml")


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("batch:", "blocks: {3: {seed: 1}}\nbatch:", "blocks: the name 3"),
        ("batch:", "blocks: {a: {null: [1]}}\nbatch:", "blocks.a: the name None"),
        ("  seed: 2", "  seed: 2\n  1.5: [1]", "axes: the name 1.5"),
        ("batch:", "true: 1\nbatch:", ": the name True"),
        ("depth: 1", "2: 1", "train: the name 2"),
    ],
)
def test_a_key_that_is_no_text_is_told_as_a_name(tmp_path, old, new, where):
    with pytest.raises(InputError, match=rf"{where} is not allowed: should be "):
        load(edited(tmp_path, (old, new)))


HASTY = """\
study: Hasty
axes:
  family: [arks, linear]
  ambient_dims: [8]
  manifold_dim: [9, two]
  curvature: [0.0, -1]
  network: [exact, gatd-64, foo]
  train.stepz: [3]
  sed: 2
batch: [seeds]
manifold:
  groups: [{fraction: 0.5, std: 1.0, law: unifrm}, {fraction: 0.5, stdd: -0.1}]
trian:
  steps: many
  samples: 4
  noise: {start: 5.0e-1, stpo: 200.0}
spectrum:
  times: {start: 1.0e-3, stop: 0.00001, count: 4}
  point: 4
points: 4
colour: red
compare:
  flat: {t_open: 0.15, t_max: 0.05, t_close: 0.15}
  curved: 3
"""


def told(folder, text):
    """Key and what is said of every mistake."""
    path = folder / "hasty.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert lines == [str(one) for one in caught.value.mistakes]
    assert len(set(lines)) == len(lines)
    found = [line.removeprefix(f"{path}: ").partition(": ") for line in lines]
    assert len(found) == len(lines)
    return [(key, says) for key, _, says in found]


def test_all_that_is_wrong_is_told_at_once_and_a_typo_is_no_missing_key(tmp_path):
    found = told(tmp_path, HASTY)
    keys = [key for key, _ in found]
    for key, says in (
        ("study", "'Hasty' is not allowed"), ("axes.family[0]", "did you mean arcs?"),
        ("axes.ambient_dims", "did you mean ambient_dim?"), ("axes.manifold_dim[1]", "'two' is not allowed"),
        ("axes.manifold_dim", "9 is not allowed: arcs needs at least 9"), ("axes.curvature[1]", "-1 is not allowed"),
        ("axes.network[1]", "did you mean gated-64?"), ("axes.network[2]", "'foo' is not allowed: should be one of"),
        ("axes.train.stepz", "did you mean train.steps?"), ("axes.sed", "did you mean seed?"),
        ("batch", "'seeds' is not allowed: did you mean seed?"), ("manifold.groups[0].law", "did you mean uniform?"),
        ("manifold.groups[1].stdd", "did you mean std?"), ("manifold.groups[1].std", "-0.1 is not allowed"),
        ("trian", "did you mean train?"), ("train.steps", "'many' is not allowed"), ("train.levels", "is missing"),
        ("train.noise.stpo", "did you mean stop?"), ("spectrum.times.count", "4 is not allowed"),
        ("spectrum.times.stop", "should exceed start, 0.001"), ("spectrum.point", "did you mean points?"),
        ("points", "did you mean spectrum.points or "), ("colour", "unknown key: allowed are"),
        ("compare.flat.t_consolidation", "is missing"), ("compare.curved", "3 is not allowed: should be a mapping"),
    ):  # fmt: skip
        assert any(key == at and says in said for at, said in found), (key, says, found)
    assert not {"axes", "train", "spectrum.points", "train.noise.stop"} & set(keys)  # they are not missing
    # Of the groups, a linear family of curvature 0 alone, and the trained noise nothing is known that could be judged.
    assert not [one for one in found if "trained noise" in one[1] or "sum to" in one[1]]


def test_what_is_mended_as_was_told_is_a_study(tmp_path):
    """In one round."""
    text = HASTY
    for old, new in (
        ("Hasty", "hasty"), ("arks, linear", "arcs"), ("_dims", "_dim"), ("[9, two]", "[4]"), ("-1]", "1.0]"),
        ("gatd-64, foo", "gated-8"), ("stepz", "steps"), ("sed:", "seed:"), ("[seeds]", "[seed]"),
        ("unifrm", "uniform"), ("stdd: -", "std: "), ("trian", "train"), ("steps: many", "steps: 3\n  levels: 4"),
        ("5.0e-1, stpo", "5.0e-4, stop"), ("stop: 0.00001, count: 4", "stop: 10.0, count: 8"), ("point:", "points:"),
        ("points: 4\ncolour: red\n", ""), ("t_close: 0.15}", "t_close: 0.15, t_consolidation: 0.1}"),
        ("curved: 3", "curved: {t_open: 0.2, t_max: 0.1, t_close: 0.2, t_consolidation: 0.2}"),
    ):  # fmt: skip
        assert old in text, old
        text = text.replace(old, new, 1)
    (tmp_path / "hasty.yaml").write_text(text)
    assert load(tmp_path / "hasty.yaml").name == "hasty"


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ([("stop: 100.0", "stop: 0.0005"), ("manifold_dim: [2]", "manifold_dim: [9]"), ("[seed]", "[sed]")],
         {"spectrum.times.stop", "axes.manifold_dim", "batch"}),
        ([("stop: 100.0", "stop: 300.0"), ("start: 1.0e-3", "start: 1.0e-5"), ("std: 0.1}", "std: 0.1, bend: 200}")],
         {"spectrum.times.start", "spectrum.times.stop", "manifold.groups[1].bend"}),
        ([("stop: 200.0", "stop: many"), ("stop: 100.0", "stop: 300.0")], {"train.noise.stop"}),  # within what?
        ([("depth: 1", "draws: antithetic\n  covariance_points: 3\n  preconditioning: covariance"), ("samples: 4",
          "samples: 3"), ("fraction: 0.5, std: 0.1", "fraction: 0.4, std: 0.1")],
         {"train.samples", "train.covariance_points", "manifold.groups"}),
        ([("[exact, gaussian, gated-8]", "[exact, empirical, gated-8]"), ("[arcs]", "[sphere, mixture]")],
         {"manifold.dataset_size", "axes.curvature", "manifold.groups"}),
        ([("study: tiny\n", ""), ("  seed: 2\n", ""), ("  points: 4\n", ""), ("compare:", "compar:")],
         {"study", "axes", "spectrum.points", "compar"}),
        ([("[arcs]", "[arcs]\n  train.steps: [0, 40, ten]"),
          ("batch:", "blocks: {a: {curvatur: [0.0]}, b: {seed: 0}}\nbatch:")],
         {"axes.train.steps = 0", "axes.train.steps = 'ten'", "blocks.a.curvatur", "blocks.b.seed"}),
        # Names of axes are known where their values are not.
        ([("seed: 2", "seed: -1"), ("[seed]", "[seeds, family]")], {"axes.seed", "batch"}),
        ([("seed: 2", "seed: 2\n  colour: [1]"), ("[seed]", "[seed, colour]")], {"axes.colour"}),
        ([("curvature: [0.0, 0.5]", "curvature: [-1]"), ("[seed]", "[seed, curvature, network]")],
         {"axes.curvature[0]", "batch"}),
    ],
)  # fmt: skip
def test_what_contradicts_each_other_is_told_with_all_else(tmp_path, changes, keys):
    text = TINY
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    assert {key for key, _ in told(tmp_path, text)} == keys


def test_of_sections_that_data_exclude_nothing_more_is_told(tmp_path):
    """They are to be taken out, whatever is in them; where families are meant, they are not."""
    data = "study: tiny\ndata: {source: digits}\naxes: {network: [gaussian], seed: 1}\nspectrum:\n  points: 4\n"
    data += "  times: {start: 0.2, stop: 1.0, count: 8}\n"
    for section in ("compare: {flat: {t_opne: 1}}", "compare: 3", "sampling: {points: x, switch: 3}"):
        key = section.partition(":")[0]
        assert [one[0] for one in told(tmp_path, f"{data}{section}\n")] == [key], section
    both = "manifold: {groups: [{fraction: 1.0, std: -1}]}\ncompare: {flat: {t_opne: 1}}\n"
    found = {key for key, _ in told(tmp_path, data + both)}
    assert {"manifold", "compare", "manifold.groups[0].std", "compare.flat.t_opne"} <= found


def test_what_is_no_section_is_told_without_what_would_follow(tmp_path):
    """That it is there says what kind of study is meant, and which names there are."""
    data = "study: tiny\ndata: points.npy\naxes: {network: [gaussian], seed: 1, dataset_size: [fresh]}\n"
    data += "spectrum:\n  points: 4\n  times: {start: 0.2, stop: 1.0, count: 8}\n"
    assert [key for key, _ in told(tmp_path, data)] == ["data"]
    for wrong in ("", " lost:f", " [1]"):
        text = TINY.replace("study: tiny\n", f"study: tiny\nscores:\n  mine:{wrong}\n").replace("exact, g", "mine, g")
        assert [key for key, _ in told(tmp_path, text)] == ["scores.mine"], wrong


def test_a_file_of_data_is_looked_for_whatever_else_is_wrong(tmp_path):
    study = "study: tiny\naxes: {network: [gaussian], seed: 1}\nspectrum:\n  points: 4\n"
    study += "  times: {start: 0.2, stop: 1.0, count: 8}\n"
    for data, keys in (
        ("source: lost.npy, range: [1]", ["data.range", "data.source"]),
        ("source: lost.npy, labels: [1]", ["data.labels", "data.source"]),
        ("source: digits, labels: lost.npy, range: x, full_scale: [0, 16]", ["data.range", "data.labels"]),
        ("source: digits, range: [0, 1, 2], full_scale: [0, 16]", ["data.range"]),
        ("source: 3, labels: lost.npy", ["data.source"]),
    ):
        assert [key for key, _ in told(tmp_path, f"{study}data: {{{data}}}\n")] == keys, data


def test_an_axis_that_a_block_alone_has_is_told_as_such(tmp_path):
    text = TINY.replace("batch:", "blocks: {a: {train.steps: [1], curvatur: [0.0], train.stpes: [1]}}\nbatch:")
    found = dict(told(tmp_path, text))
    assert found["blocks.a.train.steps"].startswith("is not in axes: should be there too, with the values of all other")
    assert found["blocks.a.curvatur"].startswith("unknown axis: did you mean curvature? allowed are family,")
    assert found["blocks.a.train.stpes"].startswith("unknown axis: did you mean train.steps? allowed are family,")


def test_twice_written_keys_and_strange_numbers_are_told_with_all_else(tmp_path):
    found = told(tmp_path, TINY.replace("batch:", "study: tiny\nbatch:").replace("seed: 2", "seed: 0_5:10")
                 .replace("depth: 1", "depths: 050"))  # fmt: skip
    assert [key for key, _ in found[:3]] == ["line 9", "line 10", "line 16"] or len(found) >= 4, found
    assert any("written twice" in says for _, says in found)
    assert any("base 8" in says for _, says in found)
    assert any("did you mean depth?" in says for _, says in found)
