def weights_of(wildcards):
    trained = STUDY.job(wildcards.job).trained
    return f"--weights train/{wildcards.job}.safetensors" if trained else ""


rule spectrum:
    input:
        made_from("spectrum"),
    output:
        "done/spectrum/{job}.json",
    log:
        "logs/spectrum/{job}.log",
    benchmark:
        "logs/spectrum/{job}.tsv"
    priority: 1
    group:
        "measure_{job}"
    resources:
        **asked("spectrum"),
    params:
        weights=weights_of,
    shell:
        "{SCOREGAP} spectrum --study {STUDY_FILE} --job {wildcards.job} {params.weights} --out spectrum/{wildcards.job}.zarr.zip --receipt {output:q} 2> {log:q}"
