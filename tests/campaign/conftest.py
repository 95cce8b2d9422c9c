"""The long campaign runs only with -m slow; without it, its short slice."""

from pathlib import Path


def pytest_collection_modifyitems(config, items):
    if "slow" in config.option.markexpr:
        return
    here = Path(__file__).parent
    long = [item for item in items if here in item.path.parents and item.get_closest_marker("slow")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
