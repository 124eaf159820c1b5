"""What is estimated: networks, training, spectra, gaps, phase times, dimensions. Never imports `truth`.

This file is light (no torch), because Snakemake parses studies: a network family is registered by name
here and loaded from its module on first use. `gated-64` is family `gated` at width 64.
"""

NETWORKS = {
    "gated": "scoregap.measure.networks:Gated",
}

DIFFERENCES = {"central": 0.1, "one-sided": 0.01}
"""Finite-difference methods of `scoregap.measure.differences`, and the step of each, as a share of sqrt(t)."""
