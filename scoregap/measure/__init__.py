"""What is estimated: spectra, gaps, phase times, dimensions. Never imports `data` or `laws`.

This file is light (no torch), because Snakemake parses studies.
"""

DIFFERENCES = {"central": 0.1, "one-sided": 0.03}
"""Finite-difference methods of `scoregap.measure.differences`, each with its step as a share of sqrt(t).

The steps are measured optima: the largest error of an eigenvalue of a float32 network (gated-64, d = 32, arcs of
curvature 0.5, t = 1e-4 ... 30) was 7e-3, 6e-4, 5e-5, 2e-4 and 2e-3 by central differences at steps .001, .01, .1, .3
and 1, and 1e-2, 1e-3, 8e-4, 3e-3 and 3e-2 by one-sided ones at .001, .01, .03, .1 and 1.
"""

# Estimators of the dimension (`scoregap.measure.dimension`, and a module for each of the later ones): of a score at a
# point and a noise variance (`scoregap.dimensions`), and of data.
SCORE_ESTIMATORS = (
    "final_gap", "slq_count", "normal_bundle", "normal_bundle_centred", "flipd", "flipd_hutchinson",
    "lhsd", "denoising_loss", "implicit_loss", "normal_bundle_second_difference", "plateau",
)  # fmt: skip
DATA_ESTIMATORS = ("local_pca", "skdim_lpca", "skdim_mle_5", "skdim_mle_20", "skdim_twonn", "skdim_fishers")
