def weights_of(wildcards):
    trained = STUDY.job(wildcards.job).trained
    return [f"train/{wildcards.job}.safetensors"] if trained else []


rule spectrum:
    input:
        weights=weights_of,
    output:
        # update: members that are in the file already, with the same key, are kept
        update("spectrum/{job}.zarr.zip"),
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
        fingerprint=lambda w: STUDY.job(w.job).fingerprint("spectrum"),
        weights=lambda w, input: (
            f"--weights {shlex.quote(input.weights[0])}" if input else ""
        ),
    shell:
        "{SCOREGAP} spectrum --study {STUDY_FILE} --job {wildcards.job} {params.weights} --out {output:q} 2> {log:q}"
