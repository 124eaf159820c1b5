"""What is estimated: networks, training, spectra, gaps, phase times, dimensions. Never imports `truth`.

This file is light (no torch), because Snakemake parses studies: a network family is registered by name
here and loaded from its module on first use. `gated-64` is family `gated` at width 64.
"""

NETWORKS = {
    "gated": "scoregap.measure.networks:Gated",
}
# Estimators of the dimension (`scoregap.measure.dimension`): of a score at a point and a noise variance, and of data.
SCORE_ESTIMATORS = ("final_gap", "slq_count", "normal_bundle", "normal_bundle_centred", "flipd", "flipd_hutchinson")
DATA_ESTIMATORS = ("local_pca", "skdim_lpca", "skdim_mle_5", "skdim_mle_20", "skdim_twonn", "skdim_fishers")
