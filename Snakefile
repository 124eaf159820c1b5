# The workflow, for plain Snakemake: snakemake -c2 [--config study=workflow/studies/NAME.yaml]
include: "workflow/Snakefile"
