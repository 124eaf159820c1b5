"""Arrays of a job, and how many of their bytes are held at once."""

import numpy as np

Arrays = dict[str, tuple[tuple[str, ...], np.ndarray]]  # name -> dimensions, values; `xarray.Dataset` takes one

SHARD = 2**25  # bytes, before compression, that are written or held at once
