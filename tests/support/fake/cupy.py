"""With this folder on the path, `import cupy` gives the strict fake (tests/support/strict_cupy.py)."""

import strict_cupy  # noqa: F401, it replaces this module in sys.modules
