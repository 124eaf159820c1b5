rule sample:
    input:
        made_from("sample"),
    output:
        "done/sample/{job}.json",
    log:
        "logs/sample/{job}.log",
    benchmark:
        "logs/sample/{job}.tsv"
    group:
        "measure_{job}"
    resources:
        **asked("sample"),
    params:
        weights=weights_of,
    shell:
        "{SCOREGAP} sample --study {STUDY_FILE} --job {wildcards.job} {params.weights} --out sample/{wildcards.job}.zarr.zip --receipt {output:q} 2> {log:q}"
