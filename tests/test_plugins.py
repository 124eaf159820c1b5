"""Networks and families of other packages: offered by entry points, named by a path, trusted or refused, and run."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny import EXACT as TINY_EXACT
from tiny import FLAT, WITH_DIMENSION, edited, read_job, run_stages

from scoregap import InputError, analysis, cubes, data, plugins
from scoregap.analysis import comparison
from scoregap.regression import accepting, reports
from scoregap.stages import dimension
from scoregap.study import load

NETWORKS = '''\
"""Networks of another package."""

import torch
from torch import nn


class MLP(nn.Module):
    def __init__(self, dim, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim + 1, width), nn.SiLU(), nn.Linear(width, dim))

    def forward(self, x, level):
        return self.layers(torch.cat([x, level.expand(*x.shape[:-1], 1)], -1))


class Shrink(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(dim))

    def forward(self, x, level):
        return x * self.scale * (1 + level)
'''
FAMILY = '''\
"""The family of another package, light."""

from scoregap.data import Family

PLANE = Family("acme_data:Plane", lambda counts, c: sum(counts), "never")
NOTHING = 3
'''
DATA = '''\
"""Gaussian latents along coordinate axes."""

import numpy as np
from scoregap.data.manifolds import Manifold


class Plane(Manifold):
    def sample(self, rng, n):
        latents = rng.standard_normal((n, self.manifold_dim))
        return latents * self._scales @ np.eye(self.manifold_dim, self.ambient_dim), latents

    @property
    def _scales(self):
        return np.repeat([group.std for group in self.ordered], self.sizes)

    @property
    def principal_axes(self):
        return np.eye(self.ambient_dim, self.manifold_dim), self._scales**2

    def exact(self, x, t):
        return self.gaussian(x, t)
'''
ESTIMATORS = '''\
"""Estimators of another package."""

import numpy as np


def ambient(score, x, t, rng):
    return np.full(len(x), x.shape[1])


class Trace:
    def __call__(self, score, x, t, rng):
        return np.trace(score.jacobian(x, t)[1], axis1=1, axis2=2)


class Needs:
    def __init__(self, more):
        pass


def fails(score, x, t, rng):
    return 1 / 0


def one(score, x, t, rng):
    return 3.0


def text(score, x, t, rng):
    return ["three"] * len(x)


def spoils(score, x, t, rng):
    x[:] = np.nan
    return np.zeros(len(x))


NOTHING = 3
'''
ENTRY_POINTS = """\
[scoregap.estimators]
acme.trace = acme_estimators:Trace
[scoregap.networks]
acme.mlp = acme_nets:MLP
acme.lost = acme_lost:MLP
[scoregap.families]
acme.plane = acme_family:PLANE
acme.nothing = acme_family:NOTHING
"""


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """A folder with the modules of another package, which is on no path; what is imported is forgotten afterwards."""
    folder = tmp_path / "acme"
    folder.mkdir()
    for name, text in (
        ("acme_nets", NETWORKS), ("acme_family", FAMILY), ("acme_data", DATA), ("acme_estimators", ESTIMATORS),
    ):  # fmt: skip
        (folder / f"{name}.py").write_text(text)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    own = set(data.FAMILIES)
    forget()
    yield folder
    for name in set(data.FAMILIES) - own:
        del data.FAMILIES[name]
    for name in ("acme_nets", "acme_family", "acme_data", "acme_estimators"):
        sys.modules.pop(name, None)
    forget()


def forget():
    plugins.forget()
    plugins._beside.clear()
    importlib.invalidate_caches()


@pytest.fixture
def installed(beside):
    """The same folder as a place where packages are installed, with the entry points of one."""
    about = beside / "acme-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    sys.path.append(str(beside))
    return beside


def study_with(folder, network="gated-8", family="arcs", *changes):
    """The tiny study with this network and family."""
    return edited(folder, ("gated-8", network), ("[arcs]", f"[{family}]"), FLAT, *changes)


TRUSTED = ("study: tiny\n", "study: tiny\ntrusted: true\n")


@pytest.mark.slow
def test_networks_and_a_family_of_another_package_are_trained_measured_and_reported(installed, tmp_path):
    """By entry points and by a path; one whose operations nobody counts."""
    study = study_with(tmp_path, "acme.mlp-8, acme_nets:Shrink", "acme.plane", TRUSTED, ("steps: 40", "steps: 300"))
    run_stages(study, tmp_path / "results")
    ((_, (ds,)),) = cubes.datasets(load(study), tmp_path / "results" / "cube.zarr")
    cells = ds.squeeze(["family", "ambient_dim", "manifold_dim", "curvature"])
    assert (cells.status == 1).all()  # ok
    mlp, shrink = (cells.sel(network=name) for name in ("acme.mlp-8", "acme_nets:Shrink"))
    assert np.isfinite(mlp.eigenvalue).all()
    step = 8 * 4 * (4 * 9 * 8 + 6 * 8 * 8)  # 8 levels of 4 points through 9 x 8 and 8 x 8
    assert mlp.training_flops.max() == 300 * step
    assert np.isfinite(shrink.excess_loss).all()
    assert np.isnan(shrink.training_flops).all()
    excess = cells.training_excess_by_level.mean("level").sel(network="acme.mlp-8")
    assert (excess.isel(evaluation=slice(-6, None)).min("evaluation") < excess.isel(evaluation=0)).all()
    page = (tmp_path / "results" / "report.html").read_text()
    assert "acme.mlp-8" in page
    assert "acme_nets:Shrink" in page


@pytest.mark.slow
def test_code_beside_the_study_is_found_by_a_job(beside):
    """In a process of its own, as Snakemake starts it."""
    study = study_with(beside, "acme_nets:MLP-8", "arcs", TRUSTED)
    job = next(job for job in load(study).jobs.values() if job.trained)
    assert job.id.startswith("arcs-8-2-0.0-acme-nets-MLP-8-")
    out = beside / "weights.safetensors"
    command = [sys.executable, "-P", "-m", "scoregap", "train", "--study", str(study), "--job", job.id]
    names = set(os.listdir(beside))
    user = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, check=False, cwd="/", env=user)
    assert done.returncode == 0, done.stderr
    assert out.exists()
    made = set(os.listdir(beside)) - names
    assert made == {"weights.safetensors", "weights.metrics.jsonl"}  # nothing of the code


def test_nothing_of_a_study_that_is_not_trusted_is_run(beside, tmp_path):
    (beside / "acme_nets.py").write_text("raise SystemExit('was run')")
    (beside / "acme_family.py").write_text("raise SystemExit('was run')")
    network = study_with(beside, "acme_nets:MLP-8").read_text()
    family = study_with(beside, "gated-8", "acme_family:PLANE").read_text()
    for key, value, text in (
        ("axes.network", "acme_nets:MLP-8", network),
        ("axes.family", "acme_family:PLANE", family),
        ("blocks.one.network", "acme_nets:MLP", network.replace("acme_nets:MLP-8", "gated-8").replace(
            "batch:", "blocks: {one: {network: ['acme_nets:MLP']}}\nbatch:")),
    ):  # fmt: skip
        for trusted in ("", "trusted: false\n"):
            path = beside / "untrusted.yaml"
            path.write_text(trusted + text)
            with pytest.raises(InputError) as caught:
                load(path)
            assert str(caught.value) == (
                f"{path}: {key}: {value!r} is code that would be run: allowed in a study that says trusted: true"
            )
    with pytest.raises(InputError, match=r"family: 'acme_family:PLANE' is not allowed"):
        data.manifold("acme_family:PLANE", 8, [(2, 1.0)])
    assert str(beside) not in sys.path


def with_estimators(folder, *names, trusted=True):
    """The tiny study with these estimators, of exact scores."""
    listed = ", ".join(f"'{name}'" for name in names)
    text = re.sub(r"estimators: \[.*\]", f"estimators: [{listed}]", WITH_DIMENSION[1])
    changes = (*TINY_EXACT, FLAT, ("fit:\n", text), *((TRUSTED,) if trusted else ()))
    return edited(folder, *changes)


def estimates(path, folder):
    (job,) = load(path).jobs.values()
    dimension.run(path, job.id, folder / "estimates.zarr.zip")
    ds, _ = read_job(folder / "estimates.zarr.zip")
    return ds.estimate.values, ds.estimate_cost.values, job.keys("dimension"), job.keys("fit")


def test_estimators_of_another_package_estimate_beside_the_others(installed, tmp_path):
    """By an entry point and by a path; what they do to the points is theirs; edited, all is estimated again."""
    path = with_estimators(tmp_path, "acme_estimators:spoils", "acme.trace", "acme_estimators:ambient", "flipd")
    (found, cost, keys, fits), whole = estimates(path, tmp_path), load(path).fingerprint("cube")
    (cell, *_) = load(path).cells
    clean, _ = cell.truth().sample(np.random.default_rng(cell.seed("points")), 3)
    for k, t in enumerate(cell.dimension.times.values):
        expected = np.trace(cell.truth().exact(clean, t).jacobian, axis1=1, axis2=2)
        np.testing.assert_allclose(found[0, k, :, 1], expected, rtol=1e-5)
    assert (found[..., 2] == 8).all()
    assert cost[0].tolist() == [0, 9, 0, 9]
    (installed / "acme_estimators.py").write_text(ESTIMATORS + "\nNEW = 1\n")
    plugins.forget()
    (job,) = load(path).jobs.values()
    assert job.keys("dimension") != keys
    assert job.keys("fit") == fits
    assert load(path).fingerprint("cube") != whole


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("fails", r"fails: acme_estimators\.py:\d+: ZeroDivisionError: division by zero"),
        ("Needs", r"fails: TypeError: .*missing 1 required positional argument"),
        ("one", r"should give \(3,\), one a point, and gives \(\)"),
        ("text", r"should give 3 numbers, one a point, and gives"),
        ("NOTHING", r"fails: TypeError: 'int' object is not callable"),
        ("no", r"fails: AttributeError: module 'acme_estimators' has no attribute 'no'"),
    ],
)
def test_estimators_that_are_none_are_refused_in_a_line(beside, name, says):
    with pytest.raises(InputError, match=rf"^dimension\.estimators: 'acme_estimators:{name}' is not allowed: {says}"):
        estimates(with_estimators(beside, f"acme_estimators:{name}"), beside)


def test_estimators_have_to_be_trusted_and_there(beside):
    (beside / "acme_estimators.py").write_text("raise SystemExit('was run')")
    for name, trusted, says in (
        ("acme_estimators:ambient", False, "is code that would be run: allowed in a study that says trusted: true"),
        ("acme_nothing:ambient", True, "is not allowed: there is no module acme_nothing"),
        (
            "acme.trace",
            True,
            r"is not allowed: no installed package offers it: offered in the group scoregap\.estimators",
        ),
    ):
        with pytest.raises(InputError, match=rf"dimension\.estimators: '{name}' {says}"):
            load(with_estimators(beside, name, trusted=trusted))
    load(with_estimators(beside, "acme_estimators:ambient"))  # which imports nothing


def test_a_trusted_network_is_not_imported_by_reading_the_study(beside):
    (beside / "acme_nets.py").write_text("raise SystemExit('was run')")
    assert load(study_with(beside, "acme_nets:MLP-8", "arcs", TRUSTED)).trained_networks == ["acme_nets:MLP-8"]


@pytest.mark.parametrize(
    ("network", "family", "why"),
    [
        ("acme.gated-8", "arcs", r"axes\.network: 'acme\.gated-8' is not allowed: no installed package offers it: "
         r"offered in the group scoregap\.networks is acme\.lost, acme\.mlp"),
        ("acme.lost-8", "arcs", r"axes\.network: 'acme\.lost-8' is not allowed: there is no module acme_lost"),
        ("acme_lost:MLP-8", "arcs", r"axes\.network: 'acme_lost:MLP-8' is not allowed: there is no module acme_lost"),
        ("gated-8", "acme.sphere", r"axes\.family: 'acme\.sphere' is not allowed: no installed package offers it: "
         r"offered in the group scoregap\.families is acme\.nothing, acme\.plane"),
        ("gated-8", "acme.nothing", r"axes\.family: 'acme\.nothing' is not allowed: acme_family:NOTHING should be a "
         r"scoregap\.data\.Family"),
        ("gated-8", "acme_family:SPHERE", r"axes\.family: 'acme_family:SPHERE' is not allowed: acme_family:SPHERE "
         r"cannot be imported: "),
        ("acme.mlp-0", "arcs", r"axes\.network\[2\]: 'acme\.mlp-0' is not allowed: should be one of exact"),
        ("acme_nets:MLP-8-8", "arcs", r"axes\.network\[2\]: 'acme_nets:MLP-8-8' is not allowed: should be one of"),
        ("../acme:MLP", "arcs", r"axes\.network\[2\]: '\.\./acme:MLP' is not allowed: should be one of exact"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_in_one_line(installed, tmp_path, network, family, why):
    with pytest.raises(InputError, match=rf"^\S+edited\.yaml: {why}[^\n]*$"):
        load(study_with(tmp_path, network, family, TRUSTED))


def test_a_name_that_two_packages_offer_is_refused(installed, tmp_path):
    other = installed / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[scoregap.networks]\nacme.mlp = other:MLP\n")
    with pytest.raises(InputError, match="several installed packages offer it: acme_nets:MLP, other:MLP"):
        load(study_with(tmp_path, "acme.mlp-8"))


def test_own_names_are_nobody_else_s(installed):
    """An entry point without a point in its name is not seen."""
    (installed / "acme-1.0.dist-info" / "entry_points.txt").write_text("[scoregap.networks]\ngated = acme_nets:MLP\n")
    from scoregap.networks import NETWORKS as OWN
    from scoregap.networks import import_path

    assert import_path("gated-8") == OWN["gated"].import_path
    assert not plugins.is_outside("gated-8")


def test_other_code_is_another_network(installed, tmp_path):
    """Its results are made again when its module changes; all others stay."""
    path = study_with(tmp_path, "gated-8, acme.mlp-8", "arcs")

    def of(study):
        jobs = {job.axes["network"][0]: job for job in study.jobs.values()}
        jobs = {name: (job.fingerprint("spectrum"), job.keys("spectrum")) for name, job in jobs.items()}
        return jobs, study.fingerprint("cube"), study.hash

    before, cube, study_hash = of(load(path))
    (installed / "acme_nets.py").write_text(NETWORKS.replace("nn.SiLU()", "nn.Tanh()"))
    forget()
    after, other_cube, same_hash = of(load(path))
    assert {name for name in before if before[name] != after[name]} == {"acme.mlp-8"}
    assert all(a != b for a, b in zip(before["acme.mlp-8"], after["acme.mlp-8"], strict=True))
    assert other_cube != cube
    assert same_hash == study_hash


@pytest.mark.slow
@pytest.mark.parametrize("edited_module", ["acme_family", "acme_data"])
def test_what_other_code_has_made_is_of_no_study_with_the_code_as_it_is_now(beside, edited_module, monkeypatch):
    """Neither the cube nor the tables: check, accept and report refuse them."""
    monkeypatch.delenv("CI", raising=False)  # where it is set, accept refuses before it reads
    path = study_with(beside, "acme_nets:MLP-8", "acme_family:PLANE", TRUSTED)
    path.write_text(path.read_text().replace("exact, gaussian, acme_nets:MLP-8", "exact, gaussian"))
    run_stages(path, folder := beside / "results", drawn=False)
    study = load(path)
    assert reports.check_run(study, folder, None)[0]
    module = beside / f"{edited_module}.py"
    source = module.read_text()
    module.write_text(source.replace("sum(counts)", "2 * sum(counts)").replace("group.std for", "2 * group.std for"))
    assert module.read_text() != source
    forget()
    study = load(path)
    assert study.hash == load(path).hash
    for read in (
        lambda: cubes.datasets(study, folder / "cube.zarr"),
        lambda: comparison.read(study, folder / "comparison.csv"),
        lambda: analysis.read(study, folder / "findings.jsonl"),
        lambda: reports.check_run(study, folder, None),
        lambda: accepting.accept(study, folder, "why not", beside / "baseline.json", beside / "baseline.json", None),
    ):
        with pytest.raises(InputError, match=r"is not of this study as it is now: rerun (cube|compare)$"):
            read()
    assert not (beside / "baseline.json").exists()
    module.write_text(source)
    forget()
    assert reports.check_run(load(path), folder, None)[0]


def test_trust_changes_no_result(tmp_path):
    plain = load(edited(tmp_path))
    keys = [job.keys("fit") for job in plain.jobs.values()]
    trusted = load(edited(tmp_path, TRUSTED))
    assert [job.keys("fit") for job in trusted.jobs.values()] == keys
    assert trusted.hash == plain.hash


def test_a_family_of_an_installed_package_is_made_by_hand(installed):
    plane = data.manifold("acme.plane", 8, [(2, 1.0), (1, 0.3)])
    assert plane.sample(np.random.default_rng(0), 5)[0].shape == (5, 8)
    with pytest.raises(InputError, match=r"^family: 'acme\.sphere' is not allowed: no installed package offers it"):
        data.manifold("acme.sphere", 8, [(2, 1.0)])
    with pytest.raises(InputError, match=r"ambient_dim: 2 is not allowed: acme\.plane needs at least 3"):
        data.manifold("acme.plane", 2, [(2, 1.0), (1, 0.3)])


def test_digests_are_of_the_module_alone(beside):
    sys.path.append(str(beside))
    (beside / "pack").mkdir()
    (beside / "pack" / "__init__.py").write_text("raise SystemExit('was run')")
    (beside / "pack" / "inner.py").write_text("raise SystemExit('inner was run')")
    first = plugins.digest("pack.inner:One")
    assert first != plugins.digest("pack:One")
    Path(beside / "pack" / "__init__.py").write_text("")
    forget()
    assert plugins.digest("pack.inner:One") == first
    for lost in ("pack.other:One", "pack.inner.more:One", "acme_nets.more:One"):
        with pytest.raises(InputError, match="there is no module"):
            plugins.digest(lost)


@pytest.mark.parametrize("name", ["acme_nets:MLP", "pack:MLP", "pack.nets:MLP"])
def test_digests_are_of_what_a_module_imports_too(beside, name):
    """Of its package, or beside the study; not of what is installed, nor of what nobody imports."""
    plugins.look_in(beside)
    (beside / "pack").mkdir()
    sources = {
        "acme_nets": "def late():\n    import acme_layers as layers\n",
        "acme_layers": "import torch\nfrom pack import inner\n",
        "pack/__init__": "from .nets import MLP\n",
        "pack/nets": "from . import inner\nfrom ..lost import nothing\n",
        "pack/inner": "from .deeper import *\n",
        "pack/deeper": "import pack.nets\nimport no_such_module\n",
        "other": "",
    }
    for one, text in sources.items():
        (beside / f"{one}.py").write_text(text)

    def digest():
        plugins.forget()
        importlib.invalidate_caches()
        return plugins.digest(name)

    reached = set(sources) - {"other"} - ({"acme_nets", "acme_layers"} if name.startswith("pack") else set())
    first = digest()
    for one in sources:
        (beside / f"{one}.py").write_text(sources[one] + "# edited\n")
        assert digest() == first, one
        (beside / f"{one}.py").write_text(sources[one] + "edited = True\n")
        assert (digest() != first) == (one in reached), one
        (beside / f"{one}.py").write_text(sources[one])
    assert digest() == first
    (beside / "pack/inner.py").write_text("def (")
    with pytest.raises(InputError, match=r"inner\.py is not Python: "):
        digest()


def test_what_an_editable_install_finds_is_there(beside, monkeypatch):
    """By a finder of its own: the folder is on no path."""

    class Finder:
        def find_spec(self, name, path=None, target=None):
            folder = beside / "src"
            if name != "elsewhere":
                return None
            return importlib.util.spec_from_file_location(
                name, folder / "__init__.py", submodule_search_locations=[str(folder)]
            )

    (beside / "src").mkdir()
    (beside / "src" / "__init__.py").write_text("")
    (beside / "src" / "nets.py").write_text(NETWORKS)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert plugins.digest("elsewhere.nets:MLP") != plugins.digest("elsewhere:MLP")


@pytest.mark.parametrize(
    ("family", "why"),
    [
        ("1 / 0", r"cannot be imported: acme_family\.py:1: ZeroDivisionError: division by zero"),
        ("import no_such_module", r"cannot be imported: acme_family\.py:1: No module named 'no_such_module'"),
        ("def (", r"acme_family\.py is not Python: invalid syntax"),
    ],
)
def test_a_family_whose_code_fails_is_refused_in_one_line(beside, family, why):
    (beside / "acme_family.py").write_text(family)
    with pytest.raises(InputError, match=rf"^\S+edited\.yaml: axes\.family: [^\n]*{why}[^\n]*$"):
        load(study_with(beside, "gated-8", "acme_family:PLANE", TRUSTED))


@pytest.mark.parametrize(
    ("room", "more", "why"),
    [
        ("1 / 0", "", r"its code fails: acme_family\.py:5: ZeroDivisionError: division by zero"),
        (
            "counts.total",
            "",
            r"its code fails: acme_family\.py:5: AttributeError: 'list' object has no",
        ),
        ("None", "", r"its code fails: TypeError: room gives None, no dimension"),
        ("float('nan')", "", r"its code fails: TypeError: room gives nan, no dimension"),
        ("[]", "", r"its code fails: TypeError: room gives \[\], no dimension"),
        ("1", "check=lambda counts, settings: settings['hue']", r"its code fails: acme_family\.py:5: KeyError: 'hue'"),
        ("1", "check=lambda counts: None", r"its code fails: TypeError: .*lambda.* takes 1 positional argument but 2"),
        (
            "1",
            "check=lambda counts, settings: 'no'",
            r"its code fails: TypeError: check gives 'no', neither None nor",
        ),
        (
            "1",
            "check=lambda counts, settings: __import__('scoregap').InputError('no')",
            "neither None nor an InputError",
        ),
        ("1", "check=3", r"acme_family:PLANE has check 3: should be a function"),
        ("1", "curved='sometimes'", "has curved 'sometimes': should be one of may, never, always"),
        ("1", "exact=True", "has exact True: should be one of closed form, sampled, unknown"),
        ("1", "reads=None", "has reads None: should be a set of names of settings"),
    ],
)
def test_a_family_that_does_not_say_what_it_needs_is_refused_in_one_line(beside, room, more, why):
    """By its functions, which are called for every manifold of a study, and by its fields."""
    text = FAMILY.replace("sum(counts)", room).replace('"never")', f"{more})" if more else '"never")')
    (beside / "acme_family.py").write_text(text)
    said = rf"'acme_family:PLANE' is not allowed: [^\n]*{why}"
    with pytest.raises(InputError, match=rf"^\S+edited\.yaml: axes\.family: {said}"):
        load(study_with(beside, "gated-8", "acme_family:PLANE", TRUSTED))
    if "its code fails" in why:
        with pytest.raises(InputError, match=f"^family: {said}"):
            raise data.refusals("acme_family:PLANE", 8, [data.Group(2, 1.0)], 0.0, {})[0]


def test_a_class_of_a_family_that_is_not_there_is_said(beside):
    (beside / "acme_family.py").write_text(FAMILY.replace("acme_data:Plane", "acme_data:Plain"))
    study = load(study_with(beside, "gated-8", "acme_family:PLANE", TRUSTED))
    with pytest.raises(InputError, match=r"^family: 'acme_data:Plain' is not allowed: cannot be imported: "):
        study.cells[0].truth()


def test_results_depend_on_what_is_said_of_a_family(beside):
    path = study_with(beside, "gated-8", "acme_family:PLANE", TRUSTED)
    before = load(path).cells[0].key("spectrum")
    (beside / "acme_family.py").write_text(FAMILY + "EDITED = True\n")
    forget()
    assert load(path).cells[0].key("spectrum") != before


def test_a_cube_of_trusted_networks_is_opened_without_their_code(beside):
    """It has run; to draw what it has found runs none of it again."""
    study = load(study_with(beside, "acme_nets:MLP-8", "arcs", TRUSTED))
    path = beside / "of_cube.yaml"
    path.write_text(yaml.safe_dump(study.resolved, sort_keys=False))
    with pytest.raises(InputError, match="trusted: true"):
        load(path)
    (beside / "acme_nets.py").unlink()
    assert load(path, run=False).trained_networks == ["acme_nets:MLP-8"]
    (beside / "acme_family.py").write_text("raise SystemExit('was run')")
    path.write_text(study_with(beside, "gated-8", "acme_family:PLANE", TRUSTED).read_text())
    with pytest.raises(InputError, match="is code that would be run"):  # a cube is data, whatever it says of itself
        load(path, run=False)


def test_what_lies_beside_a_study_is_no_installed_package(installed):
    """Though it looks like one: neither in the current folder nor on PYTHONPATH, by any command."""
    (installed / "acme_family.py").write_text("raise SystemExit('was run')")
    study = study_with(installed, "gated-8", "acme.plane")
    command = [sys.executable, "-m", "scoregap", "status", str(study)]
    user = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=installed, env=user)
    assert (done.returncode, done.stdout) == (2, "")
    assert "axes.family: 'acme.plane' is not allowed: no installed package offers it" in done.stderr
