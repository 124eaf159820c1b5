# The workflow, for plain Snakemake: snakemake -c2 [--config study=workflow/studies/NAME.yaml]


include: "workflow/Snakefile"


workflow.default_target = "all"  # which `include:` leaves to the file it is in
