rule fit:
    input:
        made_from("fit"),
    output:
        "done/fit/{job}.json",
    log:
        "logs/fit/{job}.log",
    benchmark:
        "logs/fit/{job}.tsv"
    group:
        "measure_{job}"
    resources:
        **asked("fit"),
    shell:
        "{SCOREGAP} fit --study {STUDY_FILE} --job {wildcards.job} --spectra spectrum/{wildcards.job}.zarr.zip --out fit/{wildcards.job}.zarr.zip --receipt {output:q} 2> {log:q}"
