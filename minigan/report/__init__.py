"""A run as one HTML file: its samples, curves, scores, diagnosis and settings; it needs no network."""

from minigan.report.page import write

__all__ = ["write"]
