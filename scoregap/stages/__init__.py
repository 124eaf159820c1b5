"""Files in, files out: the only place where what is known (`data`, `laws`) and what is estimated (`measure`) meet.

`scoregap.study.stages.STAGES` lists them in pipeline order. Each is the module `scoregap.stages.<name>` with one
function `run`, called alike by the command line, the Snakemake rule and the tests.
"""
