# Spectra that need no training are made here, first: what is before `then` is left out where its receipt is there.
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
        "{SCOREGAP} spectrum --study {STUDY_FILE} --job {wildcards.job} --out spectrum/{wildcards.job}.zarr.zip --receipt done/spectrum/{wildcards.job}.json then fit --study {STUDY_FILE} --job {wildcards.job} --spectra spectrum/{wildcards.job}.zarr.zip --out fit/{wildcards.job}.zarr.zip --receipt {output:q} 2> {log:q}"
