"""What is measured of memorisation in a finished run, as numbers per seed.

study, dataset of the cube -> Metrics by name (`metrics`), beside those of `metrics` or `of_data`

When the empirical score collapses, and when by the laws, is the same in every run. What networks do scatters: the share
of samples that are copies, where they lie between the exact and the empirical score, and the two times of training,
which may move neither up nor down.
"""

import xarray as xr

from scoregap.analysis import memorisation
from scoregap.regression.metrics import LAWS, Metric, add
from scoregap.scores import kind
from scoregap.study import Study

TIME = "t_memorisation"
OF_NETWORKS = ("memorised", "tau_generalise", "tau_memorise")  # columns of the tables


def reduce(study: Study, ds: xr.Dataset, found: dict[str, Metric], axes: list[str], seeds: list[int]) -> None:
    """Add the metrics of a dataset of the cube; axes, seeds: as for `metrics.reduce`."""
    of_files = bool(study.document.data)
    table = memorisation.copies if of_files else memorisation.memorisation
    frame = table(study, [ds])
    if frame.empty:
        return
    names = [*study.condition_axes, "network"]
    for facet, rows in frame.groupby(names, sort=False):
        values = dict(zip(names, facet, strict=True))
        label, network = {axis: values[axis] for axis in axes}, str(values["network"])
        rows = rows.set_index("seed").reindex(seeds)
        if kind(network).trained:
            for quantity in OF_NETWORKS:
                if quantity in rows:
                    add(found, label, network, quantity, rows[quantity].to_numpy(), False)
            if not of_files:
                position = ds.position.sel(values).isel(seen=0).mean("memory_time")
                add(found, label, network, "position", position.reindex(seed=seeds).values, False)
        else:
            add(found, label, network, TIME, rows[TIME if of_files else "found"].to_numpy(float), True)
        if not of_files:
            for law in LAWS:
                add(found, label, law, TIME, rows[law].to_numpy(), True)
