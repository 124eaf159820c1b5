"""What Snakemake prints, as it was printed by 9.27.1."""

START = """\
Building DAG of jobs...
Job stats:
job         count
--------  -------
spectrum       6
train           2
total          18

train 99
[Sun Nov 22 06:43:04 2026]
localrule train:
    output: train/arcs-0.5-gated-8.safetensors (update)
    log: logs/train/arcs-0.5-gated-8.log
    jobid: 2
    wildcards: job=arcs-0.5-gated-8
[Sun Nov 22 06:43:04 2026]
rule train:
    output: train/arcs-0.0-gated-8.safetensors (update)
    log: logs/train/arcs-0.0-gated-8.log
    jobid: 1
"""
FAILURE = """\
RuleException:
CalledProcessError in file "workflow/rules/train.smk", line 17:
[Sun Nov 22 06:43:05 2026]
Error in rule train:
    message: None
    jobid: 2
    output: train/arcs-0.5-gated-8.safetensors (update)
    log: logs/train/arcs-0.5-gated-8.log (check log file(s) for error details)
"""
SUCCESS = """\
[Sun Nov 22 06:43:08 2026]
Finished jobid: 1 (Rule: train)
1 of 18 steps (6%) done
Finished jobid: 77 (Rule: all)
"""
GROUP = """\
Error in group 1234:
    jobs:
        rule fit:
            jobid: 4
            log: logs/fit/arcs.log (check log file(s) for error details)
"""
