rule fit:
    input:
        f"{OUT}/spectrum/{{job}}.zarr.zip",
    output:
        f"{OUT}/fit/{{job}}.zarr.zip",
    log:
        f"{OUT}/logs/fit/{{job}}.log",
    benchmark:
        f"{OUT}/logs/fit/{{job}}.tsv"
    params:
        fingerprint=lambda w: STUDY.job(w.job).fingerprint("fit"),
    shell:
        "{SCOREGAP} fit --study {STUDY_FILE} --job {wildcards.job} --spectra {input:q} --out {output:q} 2> {log:q}"
