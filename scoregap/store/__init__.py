"""Files that are either whole or absent, and that say so when they are damaged; a module per what is in them.

arrays, weights, tables <-> one file per job (`.zarr.zip`, `.safetensors`), tables and one cube (`cube.zarr`) per study

Every file is written beside its place under a temporary name, flushed to disk and renamed. Array chunks carry a
CRC-32C, weights and tables a SHA-256, the cube a manifest of SHA-256s; a mismatch is a `DamagedFile`, never a NaN.
Nothing read here is unpickled. What is at a place is replaced only if it is scoregap's own (`ownership`). What arrays
mean is not known here (`scoregap.variables`), nor which study they are of.
"""
