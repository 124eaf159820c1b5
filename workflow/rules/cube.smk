def files_of_all_jobs(wildcards):
    stages = ["spectrum", "fit", "dimension", "sample"]
    return [
        f"{stage}/{id}.zarr.zip"
        for id, job in STUDY.jobs.items()
        for stage in stages
        if job.has(stage)
    ]


rule cube:
    input:
        files_of_all_jobs,
    output:
        # update: the stage swaps the cube itself, so a failure leaves the old one in place
        cube=update(directory("cube.zarr")),
        manifest=update("cube.zarr.json"),
    log:
        "logs/cube.log",
    benchmark:
        "logs/cube.tsv"
    resources:
        **asked("cube"),
    params:
        fingerprint=STUDY.fingerprint("cube"),
    shell:
        "{SCOREGAP} cube --study {STUDY_FILE} --spectra spectrum --fits fit --dimensions dimension --samples sample --out {output.cube:q} 2> {log:q}"
