"""The regression gate: is a finished run worse than its baseline, and does it agree with theory?"""
