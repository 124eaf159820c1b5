def weights_of_all_jobs(wildcards):
    return [f"train/{id}.safetensors" for id, job in STUDY.jobs.items() if job.trained]


rule train:
    output:
        # update: members that are in the file already, with the same key, are kept
        update("train/{job}.safetensors"),
    log:
        "logs/train/{job}.log",
    benchmark:
        "logs/train/{job}.tsv"
    priority: 2  # the longest jobs first
    resources:
        **asked("train"),
    params:
        fingerprint=lambda w: STUDY.job(w.job).fingerprint("train"),
    shell:
        "{SCOREGAP} train --study {STUDY_FILE} --job {wildcards.job} --out {output:q} 2> {log:q}"
