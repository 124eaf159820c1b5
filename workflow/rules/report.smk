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
        baseline=f"--baseline {shlex.quote(str(BASELINE))}" if BASELINE.exists() else "",
    shell:
        "{SCOREGAP} report --study {STUDY_FILE} --cube cube.zarr --numbers comparison.csv --out figures --html report.html {params.baseline} --receipt {output:q} 2> {log:q}"
