"""docs/explanation/theory.md: who cites it cites what is there, its numbers are the package's, its tests exist."""

import re
import subprocess
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pytest

from scoregap.data import manifold, posteriors
from scoregap.laws import expansions, memorisation, random_matrix, times

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "explanation" / "theory.md").read_text()
PAGE = " ".join(TEXT.split())
SECTIONS = {int(number): " ".join(text.split()).lower() for number, text in
            re.findall(r"(?ms)^## (\d+)\. (.*?)(?=^## |\Z)", TEXT)}  # fmt: skip
# "theory.md 4", "theory.md 2 and 3", 'theory.md 4, "Arcs"', over the ends of lines, too
CITED = re.compile(r"\btheory\.md(?:\s+(\d+(?:(?:,| and)\s+\d+)*)(?:[,:]\s+\"([^\"]+)\")?)?")
# Papers of those who made the project, which are not in it.
ABSENT = re.compile(r"\b(THEORY|PAPER|DESIGN|MODELS|WORKFLOW|STYLE)\.md\b|\bTHEORY \d")


def citations():
    """(file, sections, name of a part) of every citation in code; none where a file only says where the page is."""
    for folder in ("scoregap", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__):
                for numbers, part in CITED.findall(path.read_text()):
                    yield path.relative_to(ROOT), [int(one) for one in re.findall(r"\d+", numbers)], part


def test_citations_are_of_sections_and_parts_that_are_there():
    assert list(SECTIONS) == list(range(1, 9))
    cited = list(citations())
    for path, numbers, part in cited:
        assert numbers or path == Path("scoregap/__init__.py"), f"{path}: of which section?"
        for number in numbers:
            assert number in SECTIONS, (path, number)
        assert not part or " ".join(part.split()).lower() in SECTIONS[numbers[0]], (path, numbers, part)
    assert {one for _, numbers, _ in cited for one in numbers} >= {1, 2, 3, 4, 5, 6, 7, 8}
    assert len(cited) > 40


def test_nothing_cites_what_is_not_in_the_project():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout.decode()
    paths = [ROOT / one for one in names.split("\0") if one] or [*ROOT.glob("*.*"), *(ROOT / "scoregap").rglob("*.py")]
    for path in paths:
        if path.is_file() and path != Path(__file__):
            found = ABSENT.search(path.read_bytes().decode(errors="replace"))
            assert not found, f"{path}: {found and found[0]}"


def test_functions_and_tests_that_the_page_names_exist():
    """Sections name functions by the last two parts of what the table has whole."""
    whole = set(re.findall(r"`(scoregap(?:\.\w+)+)`", TEXT))
    for one in whole:
        module, _, name = one.rpartition(".")
        assert hasattr(resolve_name(module), name), one
    short = set(re.findall(r"`([a-z_]+\.\w+)`", TEXT)) - {"scoregap.measure"}
    assert short <= {".".join(one.split(".")[-2:]) for one in whole}
    tests = {one for path in (ROOT / "tests").rglob("test_*.py")
             for one in re.findall(r"(?m)^def (test_\w+)", path.read_text())}  # fmt: skip
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) > 50
    assert named <= tests


def digits(value, count):
    """A number as pages have it: without the 0 before the point."""
    return f"{value:.{count}f}".lstrip("0")


def test_edges_of_two_groups():
    laws = [random_matrix.silverstein_edges, random_matrix.repaired_edges, random_matrix.detached_edges]
    bare, near, alone = (law(100, (20, 20), (1.0, 0.1))[1] for law in laws)
    assert f"[{digits(bare[0], 5)}, {digits(bare[1], 4)}] by Silverstein's edges" in PAGE
    assert f"[{digits(near[0], 4)}, {digits(near[1], 4)}] repaired" in PAGE
    off = 100 * (alone[0] / bare[0] - 1)
    assert f"[{digits(alone[0], 4)}, {digits(alone[1], 4)}] detached: {off:.0f} % off" in PAGE
    assert f"r = {digits(random_matrix.critical_ratio(0.4, 0.5), 5)} at alpha = .4, f = 1/2" in PAGE


def test_edges_at_finite_size():
    ((low, high),), _ = random_matrix.tracy_widom_edges(100, (40,), (1.0,))
    assert f"have the means {digits(low, 4)} and {high:.3f} by that law" in PAGE
    bare = random_matrix.marchenko_pastur_edges(100, 40, 1.0)
    assert f"bare edges are {digits(bare[0], 4)} and {bare[1]:.3f}" in PAGE


def test_phase_times():
    (opening, closing), (top, width) = times.opening_and_closing(4.0, 0.25), times.maximum(4.0, 0.25)
    assert f"t_open = {opening:.5f}, t_max = {top:.0f}, t_close = {closing:.6f} and L = {width:.1f}" in PAGE


def test_table_of_arcs():
    """Means over latent and noise by Gauss and Hermite's rule."""
    x, w = np.polynomial.hermite_e.hermegauss(24)
    z, one, two = (axis.ravel() for axis in np.meshgrid(x, x, x, indexing="ij"))
    weight = (w[:, None, None] * w[:, None] * w).ravel() / w.sum() ** 3
    rows = re.findall(r"(?m)^\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", TEXT)
    assert len(rows) == 5
    for kappa, t, *told in np.array(rows, float):
        clean = np.stack([np.sin(kappa * z), 1 - np.cos(kappa * z)], -1) / kappa
        cov = posteriors.arc(clean + np.sqrt(t) * np.stack([one, two], -1), 1.0, kappa, t)[1]
        bend, tangent = weight @ np.linalg.eigvalsh(cov / t)
        np.testing.assert_allclose(told, [tangent, bend, 1 / (1 + t)], atol=1.5e-4)
    assert expansions.arc_bend(4.0, 2.0, 0.1) == pytest.approx(0.2**2 / 8)


def test_plateau():
    sphere, t = manifold("sphere", 100, [(10, 10**-0.5)], 1.0), 0.09
    x = np.sqrt(1 + 11 * t) * sphere.frame[:, :1].T
    exact, gaussian = sphere.exact(x, t).spectrum()[0], sphere.gaussian(x, t).spectrum()[0]
    said = f"ten eigenvalues of {digits(exact[9], 3)} and a radial one of {digits(exact[10], 3)}"
    assert f"{said}, the Gaussian eleven of {digits(gaussian[10], 4)}" in PAGE


def test_memorisation():
    gamma = np.full(8, 4.0)
    law, corrected = memorisation.t_memorisation(100, gamma), memorisation.corrected_t_memorisation(100, gamma)
    assert f"N = 100 has t_mem = {law:.3f} and {corrected:.3f} corrected" in PAGE


def test_calibration_on_training_points():
    """The empirical score is calibrated, one between it and the exact score errs less than its trace says."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((12, 3))
    clean, t = points[rng.integers(12, size=20_000)], 0.2
    x = clean + np.sqrt(t) * rng.standard_normal(clean.shape)
    exact, own = posteriors.gaussian(x, t, np.eye(3), np.ones(3)), posteriors.empirical(x, t, points)
    ratios = []
    for share in (0.5, 1.0):
        mean = (1 - share) * exact.mean + share * own.mean
        trace = ((1 - share) * exact.traces() + share * own.traces()).mean()
        ratios.append(((clean - mean) ** 2).sum(-1).mean() / (t * trace))
    assert ratios[0] < 0.9
    assert ratios[1] == pytest.approx(1, abs=0.02)
