rule compare:
    input:
        cube=f"{OUT}/cube.zarr",
        manifest=f"{OUT}/cube.zarr.json",
    output:
        numbers=f"{OUT}/comparison.csv",
        table=f"{OUT}/comparison.txt",
    log:
        f"{OUT}/logs/compare.log",
    benchmark:
        f"{OUT}/logs/compare.tsv"
    params:
        fingerprint=STUDY.fingerprint("compare"),
    shell:
        "{SCOREGAP} compare --study {STUDY_FILE} --cube {input.cube:q} --out {output.numbers:q} --table {output.table:q} 2> {log:q}"
