"""Random-matrix laws of linear manifolds and the phase times that follow from them. Never imports `data` or `measure`.

This file is light (no numpy), because Snakemake parses studies.
"""

# Laws of the column variances inside a group (`scoregap.laws.variances`) -> (least, most) width, both allowed.
VARIANCE_LAWS = {"constant": (0.0, 0.0), "uniform": (0.0, 1.0), "lognormal": (0.0, 3.0), "power": (0.0, 0.95)}
