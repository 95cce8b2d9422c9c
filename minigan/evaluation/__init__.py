"""Evaluation of a run: scores next to those of real data, the run's history, and a diagnosis of what went wrong."""
