"""A run on disk: its settings, the presets they start from, its folder with the logs, and its checkpoints."""
