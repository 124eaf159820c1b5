"""The regression gate: is a finished run worse than its baseline, and does it agree with theory?

cube -> metrics -> baselines (a record, and its file) -> changes (what differs) -> verdicts -> reports -> rendering
                                                                  comparison.csv -> theory ------^
a run that is right -> accepting -> the file of its baseline
"""
