rule train:
    output:
        "done/train/{job}.json",
    log:
        "logs/train/{job}.log",
    benchmark:
        "logs/train/{job}.tsv"
    priority: 2  # the longest jobs first
    resources:
        **asked("train"),
    shell:
        "{SCOREGAP} train --study {STUDY_FILE} --job {wildcards.job} --out train/{wildcards.job}.safetensors --receipt {output:q} 2> {log:q}"
