"""What a study needs while it runs: Snakemake started, followed, shown, and asked about at any time; devices, receipts.

study -> workflow -> Snakemake with a plugin (logger), whose jobs get what resources asks for
its events -> display, while it runs; failures, once it has ended
results folder -> receipts, which say what is done; status; locking, which tells whose run has it; environment, in which
Snakemake runs, under a guard
process of a stage -> devices, the GPU that it has; progress, how far it is
"""
