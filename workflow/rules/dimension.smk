rule dimension:
    input:
        weights=weights_of,
    output:
        # update: members that are in the file already, with the same key, are kept
        update("dimension/{job}.zarr.zip"),
    log:
        "logs/dimension/{job}.log",
    benchmark:
        "logs/dimension/{job}.tsv"
    group:
        "measure_{job}"
    resources:
        **asked("dimension"),
    params:
        fingerprint=lambda w: STUDY.job(w.job).fingerprint("dimension"),
        weights=lambda w, input: (
            f"--weights {shlex.quote(input.weights[0])}" if input else ""
        ),
    shell:
        "{SCOREGAP} dimension --study {STUDY_FILE} --job {wildcards.job} {params.weights} --out {output:q} 2> {log:q}"
