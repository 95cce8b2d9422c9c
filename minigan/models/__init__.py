"""The networks: one pair per file."""

from minigan.models.dcgan import dcgan

__all__ = ["dcgan"]
