rule fit:
    input:
        "spectrum/{job}.zarr.zip",
    output:
        # update: members that are in the file already, with the same key, are kept
        update("fit/{job}.zarr.zip"),
    log:
        "logs/fit/{job}.log",
    benchmark:
        "logs/fit/{job}.tsv"
    group:
        "measure_{job}"
    resources:
        **asked("fit"),
    params:
        fingerprint=lambda w: STUDY.job(w.job).fingerprint("fit"),
    shell:
        "{SCOREGAP} fit --study {STUDY_FILE} --job {wildcards.job} --spectra {input:q} --out {output:q} 2> {log:q}"
