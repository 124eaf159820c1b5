"""What Snakemake 9.27.1 told of its jobs, as the lines that the logger plugin makes of it."""

START = """\
{"event":"run_info","totals":{"spectrum":6,"train":2,"total":18}}
{"event":"job_info","job":2,"rule":"train","logs":["logs/train/arcs-0.5-gated-8.log"]}
{"event":"job_info","job":1,"rule":"train","logs":["logs/train/arcs-0.0-gated-8.log"]}
"""
FAILURE = """\
{"event":"job_error","job":2,"rule":"train","logs":["logs/train/arcs-0.5-gated-8.log"]}
"""
SUCCESS = """\
{"event":"job_finished","job":1}
{"event":"progress","done":1,"total":18}
{"event":"job_finished","job":77}
"""
GROUP = """\
{"event":"group_error","logs":["slurm/1.log"],"jobs":[{"event":"job_error","job":4,"rule":"fit",\
"logs":["logs/fit/arcs.log"]},{"event":"job_error","job":3,"rule":"spectrum","logs":["logs/spectrum/arcs.log"]}]}
"""
NOTHING = """\
{"event":"nothing","message":"Nothing to be done (all requested files are present and up to date)."}
"""
