rule sample:
    input:
        weights=weights_of,
    output:
        # update: members that are in the file already, with the same key, are kept
        update("sample/{job}.zarr.zip"),
    log:
        "logs/sample/{job}.log",
    benchmark:
        "logs/sample/{job}.tsv"
    group:
        "measure_{job}"
    resources:
        **asked("sample"),
    params:
        fingerprint=lambda w: STUDY.job(w.job).fingerprint("sample"),
        weights=lambda w, input: (
            f"--weights {shlex.quote(input.weights[0])}" if input else ""
        ),
    shell:
        "{SCOREGAP} sample --study {STUDY_FILE} --job {wildcards.job} {params.weights} --out {output:q} 2> {log:q}"
