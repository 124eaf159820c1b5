rule train:
    output:
        # update: members that are in the file already, with the same key, are kept
        update(f"{OUT}/train/{{job}}.safetensors"),
    log:
        f"{OUT}/logs/train/{{job}}.log",
    benchmark:
        f"{OUT}/logs/train/{{job}}.tsv"
    priority: 2  # the longest jobs first
    params:
        fingerprint=lambda w: STUDY.job(w.job).fingerprint("train"),
    shell:
        "{SCOREGAP} train --study {STUDY_FILE} --job {wildcards.job} --out {output:q} 2> {log:q}"
