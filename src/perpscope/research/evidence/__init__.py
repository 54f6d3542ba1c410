"""What each factor has been worth, after costs: measured, judged by fixed rules, and said on one page each."""

from perpscope.research.evidence.verdicts import FactorVerdict, VerdictFile, read_verdict_file, read_verdicts

__all__ = ["FactorVerdict", "VerdictFile", "read_verdict_file", "read_verdicts"]
