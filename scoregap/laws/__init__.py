"""Random-matrix laws of linear manifolds and the phase times that follow from them. Never imports `data` or `measure`.

This file is light (no numpy), because Snakemake parses studies.
"""

# The least share of a width that laws take: times are of 1 / share, squared, of variances up to 1e20.
LEAST_SHARE = 1e-20

# Laws of the column variances inside a group (`scoregap.laws.variances`) -> (least, most) width, both allowed.
VARIANCE_LAWS = {"constant": (0.0, 0.0), "uniform": (0.0, 1.0), "lognormal": (0.0, 3.0), "power": (0.0, 0.95)}
