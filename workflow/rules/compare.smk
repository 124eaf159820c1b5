rule compare:
    input:
        cube="cube.zarr",
        manifest="cube.zarr.json",
    output:
        numbers="comparison.csv",
        digest="comparison.csv.json",
        table="comparison.txt",
        claims="claims.csv",
        claims_digest="claims.csv.json",
    log:
        "logs/compare.log",
    benchmark:
        "logs/compare.tsv"
    group:
        "outcome"
    resources:
        **asked("compare"),
    params:
        fingerprint=STUDY.fingerprint("compare"),
    shell:
        "{SCOREGAP} compare --study {STUDY_FILE} --cube {input.cube:q} --out {output.numbers:q} --table {output.table:q} --claims {output.claims:q} 2> {log:q}"
