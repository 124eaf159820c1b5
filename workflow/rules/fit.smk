def spectra_first(wildcards):
    """Where nothing is trained, the process of `fit` makes the spectra first, unless they are there: a start less."""
    id, receipt = wildcards.job, receipts.place("spectrum", wildcards.job)
    if STUDY.job(id).rule("spectrum") == "spectrum" or (RESULTS / receipt).exists():
        return ""
    return f"spectrum --study {STUDY_FILE} --job {id} --out spectrum/{id}.zarr.zip --receipt {receipt} then"


rule fit:
    input:
        made_from("fit"),
    output:
        "done/fit/{job}.json",
    log:
        "logs/fit/{job}.log",
    benchmark:
        "logs/fit/{job}.tsv"
    group:
        "measure_{job}"
    resources:
        **asked("fit"),
    params:
        first=spectra_first,
    shell:
        "{SCOREGAP} {params.first} fit --study {STUDY_FILE} --job {wildcards.job} --spectra spectrum/{wildcards.job}.zarr.zip --out fit/{wildcards.job}.zarr.zip --receipt {output:q} 2> {log:q}"
