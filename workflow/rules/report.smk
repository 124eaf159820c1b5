OF_A_PART = {
    "spectra.svg": "Spectra",
    "gaps.svg": "Gaps",
    "phase_times.svg": "Phase times",
    "alignment.svg": "Alignment",
    "dimension.svg": "Dimension",
    "training.svg": "Training",
}
FIGURES = {"forest.svg": "Forest", "comparison.html": "Comparison"} | {
    str(Path(part.block) / name): category
    for part in STUDY.parts
    for name, category in (
        OF_A_PART | {f"{name}.svg": "Theory" for name in part.findings}
    ).items()
}
BASELINE = baseline(STUDY.name)


rule report:
    input:
        [str(BASELINE)] if BASELINE.exists() else [],
        cube="cube.zarr",
        manifest="cube.zarr.json",
        numbers="comparison.csv",
        digest="comparison.csv.json",
    output:
        [
            report(
                f"figures/{name}",
                caption=f"../report/{Path(name).stem}.rst",
                category=category,
            )
            for name, category in FIGURES.items()
        ],
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
        baseline=f"--baseline {shlex.quote(str(BASELINE))}" if BASELINE.exists() else "",
    shell:
        "{SCOREGAP} report --study {STUDY_FILE} --cube {input.cube:q} --numbers {input.numbers:q} --out {params.folder:q} {params.baseline} 2> {log:q}"
