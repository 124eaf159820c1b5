rule report:
    input:
        made_from("report"),
    output:
        "done/report.json",
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    group:
        "outcome"
    resources:
        **asked("report"),
    params:
        # a function, whose text is taken as it is: elsewhere {x} is a wildcard
        baseline=lambda _: (
            f"--baseline {shlex.quote(str(BASELINE))}" if BASELINE.exists() else ""
        ),
    shell:
        "{SCOREGAP} report --study {STUDY_FILE} --cube cube.zarr --numbers comparison.csv --findings findings.jsonl --out figures --html report.html {params.baseline} --receipt {output:q} 2> {log:q}"
