"""A study run through Snakemake: started, followed, shown, and asked about at any time.

study -> workflow -> Snakemake, whose jobs get what resources asks for
its lines -> events -> display, while it runs; failures, once it has ended
results folder -> status; locking, which tells whose run has it; environment, in which Snakemake runs, under a guard
"""
