rule compare:
    input:
        made_from("compare"),
    output:
        "done/compare.json",
    log:
        "logs/compare.log",
    benchmark:
        "logs/compare.tsv"
    group:
        "outcome"
    resources:
        **asked("compare"),
    shell:
        "{SCOREGAP} compare --study {STUDY_FILE} --cube cube.zarr --out comparison.csv --table comparison.txt --claims claims.csv --findings findings.jsonl --phases phase_times.parquet --receipt {output:q} 2> {log:q}"
