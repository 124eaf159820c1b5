"""Gap widths, phase times, alignment times and blind dimensions of one job.

study, job, spectrum file -> fit file (.zarr.zip), with the same operators applied to the random-matrix law
"""

import itertools
from pathlib import Path

import numpy as np

from scoregap import InputError, members, variables
from scoregap.data.capabilities import Groups, Law
from scoregap.laws import random_matrix
from scoregap.laws import times as theory
from scoregap.measure import gaps, phases, profile
from scoregap.runtime.progress import Heartbeat
from scoregap.store.jobs import read_job
from scoregap.study import Cell, load

LAWS = ("law", "corrected")


def run(study: Path, job: str, spectra: Path, out: Path) -> list[Path]:
    """Fit job JOB of study STUDY from its SPECTRA and write the result to OUT."""
    loaded = load(study).job(job)
    wanted = loaded.keys("spectrum")
    arrays, keys = read_job(spectra, wanted, variables.made("spectrum", loaded.first))
    if keys != wanted:
        raise InputError("is not of this study as it is now", file=spectra, allowed="rerun spectrum")
    place = {cell.values: i for i, cell in enumerate(loaded.cells)}

    def of(cell: Cell, beat: Heartbeat) -> members.Result:
        fitted = fit(cell, members.result(arrays, place[cell.values], cell.gaps))
        beat.advance(1)
        return fitted

    return members.update(out, loaded, "fit", of)


def fit(cell: Cell, measured: members.Result) -> members.Result:
    """Every variable of the stage for one cell. measured: its variables of the spectrum stage."""
    settings, truth = cell.fit, cell.truth()
    sizes = {
        "time": cell.spectrum.times.count,
        "gap": cell.gaps,
        "group": cell.gaps,
        "side": len(variables.SIDES),
        "estimator": len(variables.ESTIMATORS),
        "shoulder": variables.SHOULDERS,
        "found": variables.FOUND,
    }
    result = variables.blank(variables.made("fit", cell), sizes)
    if isinstance(truth, Groups):
        fit_gaps(result, cell, truth, measured)
    if measured["status"] == 1 and cell.spectrum.traces:
        fit_traces(result, cell, *(measured[name].astype(float) for name in ("point_trace", "point_trace_error")))
    elif measured["status"] == 1:
        eigenvalues = measured["eigenvalue"].astype(float)  # (T, points, modes)
        known = np.isfinite(eigenvalues).all((1, 2))
        if known.any():
            t, once, again = np.unique(times_of(cell, measured)[known], return_index=True, return_inverse=True)
            spectra = eigenvalues[known][once]
            blind = gaps.blind(spectra, settings.significance, settings.visibility)
            result["dimension"][known, 0], result["gap_count"][known] = (values[again] for values in blind[:2])
            result["dimension_overall"][0], result["gap_count_overall"][...] = blind[2:]
            if cell.data:
                fit_profile(result, cell, t, spectra, np.flatnonzero(known), again)
    return result


def fit_traces(result: members.Result, cell: Cell, traces: np.ndarray, errors: np.ndarray) -> None:
    """Fill in the mean over points of traces of G, (T, points) as their errors, with its interval: of whole spectra
    nothing is known."""
    known, settings = np.isfinite(traces).all(1), cell.fit
    rng = np.random.default_rng(cell.seed("bootstrap"))
    if not known.any():
        return
    result["trace"][known] = traces[known].mean(1)
    result["trace_error"][known] = np.sqrt((errors[known] ** 2).sum(1)) / traces.shape[1]
    ends = profile.intervals_of_means(traces[known], settings.resamples, settings.confidence, rng)
    for side, values in zip(("low", "high"), ends, strict=True):
        result[f"trace_{side}"][known] = values


def fit_profile(
    result: members.Result, cell: Cell, t: np.ndarray, spectra: np.ndarray, places: np.ndarray, again: np.ndarray
) -> None:
    """Fill in what needs no true gaps: modes that are resolved, their phases, gaps found blind.

    t: (T,) noise variances, each once, of spectra (T, points, modes) of t J. places: among the study's times, of those
    that are known; again: of the spectrum of each among these, as some may be at the same noise.
    """
    settings = cell.fit
    n, trace, modes = profile.resolved(spectra), profile.traces(spectra), spectra.shape[-1]
    found = profile.profile(t, n.mean(1), modes)
    rng = np.random.default_rng(cell.seed("bootstrap"))
    ends = profile.intervals(t, n, trace, modes, found, settings.resamples, settings.confidence, rng)
    for name, values in (("modes", n.mean(1)), ("trace", trace.mean(1)), ("phase", found.phases)):
        result[name][places] = values[again]
    result["t_first"][...] = found.first
    for i, side in enumerate(("low", "high")):
        result[f"modes_{side}"][places], result[f"trace_{side}"][places] = ends.n[i][again], ends.trace[i][again]
        result[f"t_first_{side}"][...] = ends.first[i]
    last = found.shoulders[-variables.SHOULDERS :]
    for k, (one, own, share) in enumerate(
        zip(last, ends.shoulders[-len(last) :], ends.shares[-len(last) :], strict=True) if last else ()
    ):
        result["shoulder_share"][k] = share
        result["shoulder_end_state"][k] = variables.MEASURED if one.ended else variables.BELOW
        for name, (low, high) in own.items():
            result[f"shoulder_{name}"][k] = getattr(one, name)
            result[f"shoulder_{name}_low"][k], result[f"shoulder_{name}_high"][k] = low, high
    fit_found_gaps(result, t, spectra, settings, rng)


def fit_found_gaps(result: members.Result, t: np.ndarray, spectra: np.ndarray, settings, rng) -> None:
    """Fill in the gaps that last over times: how wide each is where it is widest, with its interval over points."""
    lasting = gaps.lasting(spectra, settings.significance, settings.visibility)
    if not lasting:
        return
    width = gaps.widths(spectra.mean(1), lasting)  # (T, gaps)
    lasting = sorted(np.array(lasting)[np.argsort(-width.max(0), kind="stable")][: variables.FOUND].tolist())
    width = gaps.widths(spectra.mean(1), lasting)
    widest = width.argmax(0)
    points = spectra.shape[1]
    weights = rng.multinomial(points, np.full(points, 1 / points), settings.resamples) / points
    tails = 50 * (1 - settings.confidence), 50 * (1 + settings.confidence)
    for k, (gap, place) in enumerate(zip(lasting, widest, strict=True)):
        drawn = gaps.widths(weights @ spectra[place], [gap])[:, 0]
        result["found_gap"][k], result["found_gap_width"][k], result["found_gap_time"][k] = (
            gap,
            width[place, k],
            t[place],
        )
        result["found_gap_width_low"][k], result["found_gap_width_high"][k] = np.percentile(drawn, tails)


def fit_gaps(result: members.Result, cell: Cell, truth: Groups, measured: members.Result) -> None:
    """Fill in what is read off the true gaps, of the spectra of the cell and of its law, if there is one."""
    t, settings = times_of(cell, measured), cell.fit
    once = np.unique(t, return_index=True)[1]  # of a model's own noise variances: some may be next to several times
    t = t[once]
    result["boundary"][:] = truth.boundaries
    laws = LAWS if isinstance(truth, Law) else ()
    if isinstance(truth, Law):
        result["edge"][:], result["law_edge"][:] = truth.edges(), truth.law_edges()
        result["corrected_edge"][:], result["corrected_edge_std"][:] = truth.corrected_edges()
    curves = [theory.gap_width(t[:, None], *random_matrix.gap_edges(result[f"{law}_edge"]).T)[None] for law in laws]
    if laws:
        every = cell.spectrum.times.values[:, None]
        result["law_gap_width"][:] = theory.gap_width(every, *random_matrix.gap_edges(result["law_edge"]).T)
    if measured["status"] == 1:
        has_gap = measured["has_gap"] == 1
        widths = gaps.widths(measured["eigenvalue"].astype(float), truth.boundaries)
        every = phases.leaving_out(widths, has_gap)
        result["gap_width"][:] = every[0]
        curves.append(every[:, once])
    if not curves:
        return
    found = phases.fit(t, np.concatenate(curves), settings.level, settings.visibility, cell.nested)  # all at once
    for i, law in enumerate(laws):
        for quantity, values in found.items():
            if f"{law}_{quantity}" in result:
                result[f"{law}_{quantity}"][:] = values[i]
    if laws:
        predict_none(result, cell.nested)
    if measured["status"] != 1:
        return

    measured_times = {name: values[len(laws) :] for name, values in found.items()}
    cosines = measured["alignment_of_point"].astype(float)[once]  # (T, points, groups); a group ends at each gap
    aligned = phases.aligned(t, phases.leaving_out(cosines, has_gap), settings.alignment)
    for name, values in (measured_times | aligned).items():
        result[name][:] = values[0]
    resampling = has_gap, settings.resamples, settings.confidence, np.random.default_rng(cell.seed("bootstrap"))
    intervals = phases.intervals(measured_times, phases.QUANTITIES, *resampling)
    intervals |= phases.intervals(aligned, ("t_alignment",), *resampling)
    for name, (low, high) in intervals.items():
        result[f"{name}_low"][:], result[f"{name}_high"][:] = low, high


def times_of(cell: Cell, measured: members.Result) -> np.ndarray:
    """(T,) noise variances that spectra were measured at, of the cell's times."""
    used, t = measured["time_used"], cell.spectrum.times.values
    return np.where(np.isfinite(used), used, t)


def predict_none(result: members.Result, nested: bool) -> None:
    """States of the law's times where it has no gap: bulks that have merged, a final gap of bulks that reach 0."""
    above, below = random_matrix.gap_edges(result["law_edge"]).T
    if not np.isfinite(result["law_edge"]).any():
        return  # it says nothing of these data
    for gap in np.flatnonzero(~(above > below)):
        final = gap == len(above) - 1 or not nested
        for method, time in itertools.product(variables.METHODS, phases.FINAL if final else phases.INTERMEDIATE):
            result[f"law_{method}{time}_state"][gap] = variables.NONE_PREDICTED
