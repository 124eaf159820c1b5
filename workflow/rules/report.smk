FIGURES = [f"figures/{name}.{kind}" for name in names(STUDY) for kind in FORMATS]

BASELINE = baseline(STUDY.name, RESULTS)


rule report:
    input:
        cube="cube.zarr",
        manifest="cube.zarr.json",
        numbers="comparison.csv",
        digest="comparison.csv.json",
        claims="claims.csv",
        claims_digest="claims.csv.json",
    output:
        FIGURES,
        html="report.html",
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    group:
        "outcome"
    resources:
        **asked("report"),
    params:
        fingerprint=STUDY.fingerprint("report"),
        folder="figures",
        # not an input, and by a function: elsewhere {x} and <x> in names mean something to Snakemake
        compared=digest(BASELINE.read_bytes().hex()) if BASELINE.exists() else "",
        baseline=lambda _: (
            f"--baseline {shlex.quote(str(BASELINE))}" if BASELINE.exists() else ""
        ),
    shell:
        "{SCOREGAP} report --study {STUDY_FILE} --cube {input.cube:q} --numbers {input.numbers:q} --out {params.folder:q} --html {output.html:q} {params.baseline} 2> {log:q}"
