FIGURES = {
    "spectra.svg": "Spectra",
    "gaps.svg": "Gaps",
    "phase_times.svg": "Phase times",
    "dimension.svg": "Dimension",
    "training.svg": "Training",
    "comparison.html": "Comparison",
}


rule report:
    input:
        cube=f"{OUT}/cube.zarr",
        manifest=f"{OUT}/cube.zarr.json",
        numbers=f"{OUT}/comparison.csv",
    output:
        [
            report(
                f"{OUT}/figures/{name}",
                caption=f"../report/{Path(name).stem}.rst",
                category=category,
            )
            for name, category in FIGURES.items()
        ],
    log:
        f"{OUT}/logs/report.log",
    benchmark:
        f"{OUT}/logs/report.tsv"
    params:
        fingerprint=STUDY.fingerprint("report"),
        folder=f"{OUT}/figures",
    shell:
        "{SCOREGAP} report --study {STUDY_FILE} --cube {input.cube:q} --numbers {input.numbers:q} --out {params.folder:q} 2> {log:q}"
