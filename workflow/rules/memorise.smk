rule memorise:
    input:
        made_from("memorise"),
    output:
        "done/memorise/{job}.json",
    log:
        "logs/memorise/{job}.log",
    benchmark:
        "logs/memorise/{job}.tsv"
    group:
        "measure_{job}"
    resources:
        **asked("memorise"),
    params:
        weights=weights_of,
    shell:
        "{SCOREGAP} memorise --study {STUDY_FILE} --job {wildcards.job} {params.weights} --out memorise/{wildcards.job}.zarr.zip --receipt {output:q} 2> {log:q}"
