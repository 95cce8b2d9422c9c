"""With this folder on the path, `import cupy` gives the strict fake (tests/strict_cupy.py)."""

import strict_cupy  # noqa: F401, it puts itself in the place of this module
