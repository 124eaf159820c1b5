"""A study: its file checked (`schema`, `reading`, `checks`), its cells and jobs (`grid`), and their stages (`stages`).

study.yaml -> Study -> cells and jobs, with seeds, keys and fingerprints

Neither numpy nor torch is imported here, because Snakemake parses studies.
"""

from scoregap.study.grid import Cell, Job, Study, load
from scoregap.study.hashing import digest

__all__ = ["Cell", "Job", "Study", "digest", "load"]
