"""What is public is documented: a page for every layer and loss, a docstring for every public name, shapes in it."""

import importlib
import importlib.util
import inspect
import pkgutil
import re

import matplotlib
import pytest
from pages import PAGES, ROOT, local_path

import minigan
import minigan.layers
import minigan.losses

DOCS = ROOT / "docs"
LAYERS = [name for name in minigan.layers.__all__ if name not in ("Layer", "Param")]
LOSSES = [
    "bce_with_logits",
    "bce",
    "least_squares",
    "softmax_cross_entropy",
    "NonSaturating",
    "Minimax",
    "LeastSquares",
]
PAGE_OF = {"LeastSquares": "least_squares_objective", "Conv2D": "conv2d", "ConvTranspose2D": "conv_transpose2d"}
PAGE_OF |= {"LeakyReLU": "leaky_relu", "ReLU": "relu"}

NOT_A_LOSS = {"Objective", "make_objective", "require_floating", "require_loss_inputs"}

# Functions and classes that take or return arrays; halvings() returns a list of numbers.
WITH_SHAPES = re.compile(
    r"minigan\.(layers\.(?!base|summary)|losses\.(?!require|make)|models\.\w+\.(?!halvings)|metrics\.|gan\.)"
)
SHAPE = re.compile(r"\((\w+, )*(\w+|\.\.\.)(,| ·| ×)[^()]*\)|any shape|one shape|scalar")


def page_of(name):
    return PAGE_OF.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_has_its_page(name):
    text = (DOCS / "layers" / f"{page_of(name)}.md").read_text(encoding="utf-8")
    for part in ("## Forward", "## Backward", "{literalinclude}", "{gradient_check}", "../images/layers/"):
        assert part in text, f"{name}: no {part}"
    assert page_of(name) in (DOCS / "layers/index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_its_page(name):
    text = (DOCS / "losses" / f"{page_of(name)}.md").read_text(encoding="utf-8")
    for part in ("{literalinclude}", "{gradient_check}", "../images/losses/"):
        assert part in text, f"{name}: no {part}"
    assert page_of(name) in (DOCS / "losses/index.md").read_text(encoding="utf-8")


def test_no_loss_or_objective_is_forgotten():
    public = {
        name
        for name, value in vars(minigan.losses).items()
        if getattr(value, "__module__", "") == "minigan.losses" and not name.startswith("_")
    }
    assert public == set(LOSSES) | NOT_A_LOSS


def modules():
    for module in pkgutil.walk_packages(minigan.__path__, "minigan."):
        if not module.name.endswith("__main__") and "peer" not in module.name:  # a peer needs PyTorch or TensorFlow
            yield importlib.import_module(module.name)


def public_names():
    """(full name, object): functions and classes that do not begin with an underscore, where they are defined."""
    for module in modules():
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == module.__name__
            if own and not name.startswith("_") and (inspect.isfunction(value) or inspect.isclass(value)):
                yield f"{module.__name__}.{name}", value


def test_every_module_and_public_name_has_a_docstring():
    missing = [module.__name__ for module in modules() if not (module.__doc__ or "").strip()]
    missing += [name for name, value in public_names() if not (value.__doc__ or "").strip()]
    assert not [name for name in missing if not name.startswith("minigan.cli")]


def test_docstrings_of_layers_losses_models_and_metrics_give_shapes():
    """A shape is a tuple such as (N, H, W, C), "any shape", or "a scalar". A class may give it in a method."""
    checked, lacking = 0, []
    for name, value in public_names():
        if WITH_SHAPES.match(name):
            checked += 1
            methods = [member for _, member in inspect.getmembers(value, inspect.isfunction)]
            texts = [inspect.getdoc(one) or "" for one in (value, *methods * inspect.isclass(value))]
            if not any(SHAPE.search(text) for text in texts):
                lacking.append(name)
    assert checked > 35
    assert not lacking


def script(name):
    """docs/figures/NAME.py as a module."""
    spec = importlib.util.spec_from_file_location(f"figures_{name}", DOCS / f"figures/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_examples_is_generated_from_their_docstrings():
    figures = script("examples")
    assert figures.PAGE.read_text(encoding="utf-8") == figures.page(), "run python docs/figures/examples.py page"
    for path in figures.examples():
        assert (figures.IMAGES / f"{path.stem}.png").is_file(), f"run python docs/figures/examples.py {path.stem[:2]}"


@pytest.mark.parametrize("name", ["layers", "losses", "learn"])
def test_every_figure_is_drawn_by_a_script(name, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "figures")  # as when Python runs the script
    figures = script(name)
    monkeypatch.setattr(figures, "OUT", tmp_path)
    if name == "learn":
        monkeypatch.setattr(figures, "SIGN", tmp_path.parent / "favicon.png")
    with matplotlib.rc_context():
        figures.main()
    committed = {path.name: path.stat().st_size for path in (DOCS / "images" / name).iterdir()}
    drawn = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert drawn.keys() == committed.keys()
    assert all(size > 1000 for size in drawn.values())


def test_every_image_of_the_pages_exists_and_has_a_description_for_screen_readers():
    for page in PAGES:
        for words, target in re.findall(r"!\[(.*?)\]\((.*?)\)", page.read_text(encoding="utf-8"), re.DOTALL):
            path = local_path(page, target)
            assert path is not None, f"{page}: {target}"
            assert path.is_file(), f"{page}: {target}"
            assert len(words.split()) >= 4, f"{page}: {target} has no description"
