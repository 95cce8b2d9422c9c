"""A run as one HTML file: its samples, curves, scores, the doctor's words and the settings; needs no network."""

from minigan.report.page import write

__all__ = ["write"]
