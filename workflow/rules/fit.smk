rule fit:
    input:
        "spectrum/{job}.zarr.zip",
    output:
        "fit/{job}.zarr.zip",
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
