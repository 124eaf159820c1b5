rule dimension:
    input:
        made_from("dimension"),
    output:
        "done/dimension/{job}.json",
    log:
        "logs/dimension/{job}.log",
    benchmark:
        "logs/dimension/{job}.tsv"
    group:
        "measure_{job}"
    resources:
        **asked("dimension"),
    params:
        weights=weights_of,
    shell:
        "{SCOREGAP} dimension --study {STUDY_FILE} --job {wildcards.job} {params.weights} --out dimension/{wildcards.job}.zarr.zip --receipt {output:q} 2> {log:q}"
