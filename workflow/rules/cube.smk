rule cube:
    input:
        made_from("cube"),
    output:
        "done/cube.json",
    log:
        "logs/cube.log",
    benchmark:
        "logs/cube.tsv"
    resources:
        **asked("cube"),
    shell:
        "{SCOREGAP} cube --study {STUDY_FILE} --spectra spectrum --fits fit --dimensions dimension --samples sample --memories memorise --out cube.zarr --receipt {output:q} 2> {log:q}"
