def files_of_all_jobs(wildcards):
    return [
        f"{OUT}/{stage}/{job}.zarr.zip"
        for job in STUDY.jobs
        for stage in ("spectrum", "fit")
    ]


rule cube:
    input:
        files_of_all_jobs,
    output:
        # update: the stage swaps the cube itself, so a failure leaves the old one in place
        cube=update(directory(f"{OUT}/cube.zarr")),
        manifest=update(f"{OUT}/cube.zarr.json"),
    log:
        f"{OUT}/logs/cube.log",
    benchmark:
        f"{OUT}/logs/cube.tsv"
    params:
        fingerprint=STUDY.fingerprint("cube"),
    shell:
        "{SCOREGAP} cube --study {STUDY_FILE} --spectra {OUT:q}/spectrum --fits {OUT:q}/fit --out {output.cube:q} 2> {log:q}"
