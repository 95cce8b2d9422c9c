"""The Inception Score and FID of torch-fidelity, on its own network with random weights, so without a download."""

import hashlib
import subprocess
import sys
import types

import numpy as np
import pytest

from minigan.errors import UserError
from minigan.metrics import frechet_distance, inception_score, mean_and_covariance
from minigan.metrics.inception import WEIGHTS, inception_scores

IMAGES, REFERENCE, SPLITS, SEED = 36, 28, 3, 5


@pytest.fixture(scope="module")
def fidelity():
    return pytest.importorskip(
        "torch_fidelity", reason="torch-fidelity is not installed: pip install '.[inception]'", exc_type=ImportError
    )


@pytest.fixture(scope="module")
def weights(fidelity, tmp_path_factory):
    """A file of seeded random weights; those of the last layer are large, so the predicted classes differ."""
    import torch

    path = tmp_path_factory.mktemp("weights") / "random.pth"
    generator = torch.Generator().manual_seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        # The constructor would load a file: build the layers without it.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "load", lambda *_, **__: {})
            patch.setattr(torch.nn.Module, "load_state_dict", lambda *_: None)
            network = fidelity.FeatureExtractorInceptionV3("", ["2048"], feature_extractor_weights_path="none")
    for name, tensor in network.state_dict().items():
        if name.endswith("conv.weight"):  # variance 2 / fan in: the signal neither fades nor grows through the ReLUs
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
    network.fc.weight.normal_(0, 4, generator=generator)
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def images():
    """Grey images, and reference images in colour and of another size."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (IMAGES, 3, 3, 1), np.uint8)
    reference = random.integers(0, 128, (REFERENCE, 4, 4, 3), np.uint8)
    images.flags.writeable = False  # as arrays from a file may be
    return images, reference


@pytest.fixture(scope="module")
def run(fidelity, weights, images):
    """(scores, {layer: features} of the images and of the reference), from one call: up to a minute on two cores."""
    seen = []
    to_dict = fidelity.FeatureExtractorInceptionV3.convert_features_tuple_to_dict

    def record(self, features):
        seen.append(to_dict(self, features))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity.FeatureExtractorInceptionV3, "convert_features_tuple_to_dict", record)
        scores = inception_scores(*images, weights=weights, splits=SPLITS, seed=SEED)
    return scores, [{layer: tensor.cpu().numpy() for layer, tensor in features.items()} for features in seen]


@pytest.mark.slow
def test_the_inception_score_agrees_with_minigans_definition(run):
    scores, (features, _) = run
    logits = features["logits_unbiased"].astype(np.float64)
    assert logits.shape == (IMAGES, 1008)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    shuffled = p[np.random.RandomState(SEED).permutation(IMAGES)]  # the library's shuffle
    mean, std = inception_score(shuffled, SPLITS)
    assert scores["inception_score"] == pytest.approx({"mean": mean, "std": std}, rel=1e-6)
    assert mean > 1.2  # the images differ, so the check is not trivial
    assert std > 0


@pytest.mark.slow
def test_the_fid_is_the_frechet_distance_of_the_features(run):
    scores, features = run
    assert [batch["2048"].shape for batch in features] == [(IMAGES, 2048), (REFERENCE, 2048)]
    ours = frechet_distance(*(moment for batch in features for moment in mean_and_covariance(batch["2048"])))
    assert ours > 0.01
    assert scores["fid"] == pytest.approx(ours, rel=1e-3)


@pytest.mark.slow
def test_grey_images_are_repeated_to_three_channels(fidelity, weights, images, run):
    import torch

    network = fidelity.FeatureExtractorInceptionV3("", ["2048"], feature_extractor_weights_path=str(weights))
    colour = torch.tensor(images[0][:3]).permute(0, 3, 1, 2).repeat(1, 3, 1, 1)
    (features,) = network(colour)
    np.testing.assert_allclose(run[1][0]["2048"][:3], features.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_the_protocol_records_what_was_measured(fidelity, weights, run):
    assert run[0]["protocol"] == {
        "samples": IMAGES,
        "reference_images": REFERENCE,
        "splits": SPLITS,
        "seed": SEED,
        "feature_network": f"inception-v3-compat of torch-fidelity {fidelity.__version__}",
        "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }


def test_the_published_weights_are_the_librarys_own(fidelity):
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    assert WEIGHTS.url == URL_INCEPTION_V3


GOOD = np.zeros((12, 8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("images", "reference", "options", "message"),
    [
        (GOOD / 255, GOOD, {}, r"expected images in uint8 of shape \(N, H, W, C\).* got float64 of shape \(12, 8"),
        (GOOD, GOOD[0], {}, r"expected reference in uint8 .* got uint8 of shape \(8, 8, 3\)"),
        (GOOD.transpose(0, 3, 1, 2), GOOD, {}, r"C 1 or 3, got uint8 of shape \(12, 3, 8, 8\)"),
        (GOOD, GOOD[:1], {}, r"N at least 2.* got uint8 of shape \(1, 8, 8, 3\)"),
        (GOOD[:, :0], GOOD, {}, r"got uint8 of shape \(12, 0, 8, 3\)"),
        (GOOD.tolist(), GOOD, {}, "expected images in uint8 .* got list"),
        (GOOD[:9], GOOD, {}, "expected 1 to 9 splits of 9 images .* got 10 splits and seed 0"),
        (GOOD, GOOD, {"splits": 0}, "got 0 splits"),
        (GOOD, GOOD, {"seed": -1}, "and seed -1"),
    ],
)
def test_bad_arguments_give_a_message_of_one_line(images, reference, options, message):
    with pytest.raises(UserError, match=message) as caught:
        inception_scores(images, reference, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["torch", "torch_fidelity"])
def test_a_missing_library_gives_one_line_that_says_what_to_install(missing, monkeypatch):
    for name in ("torch", "torch_fidelity"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(UserError, match=r"pip install 'minigan\[inception\]'.*halted") as caught:
        inception_scores(GOOD, GOOD)
    assert "\n" not in str(caught.value)


def test_importing_the_module_imports_neither_library():
    code = "import sys, minigan.metrics.inception as _; print({'torch', 'torch_fidelity', 'pooch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_weights_that_cannot_be_downloaded_are_an_error(fidelity, tmp_path, monkeypatch):
    import requests
    import torch

    def no_network(*_, **__):
        raise requests.exceptions.ConnectionError("no route\nto host")

    monkeypatch.setattr("requests.sessions.Session.send", no_network)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(UserError, match="the download failed") as caught:
        inception_scores(GOOD, GOOD)
    message = str(caught.value)
    assert f"put {WEIGHTS.url} into {tmp_path / 'checkpoints'} by hand, or give its path as `weights`" in message
    assert "\n" not in message
    assert not list(tmp_path.rglob("*.pth"))


def test_weights_that_are_missing_are_an_error(fidelity, tmp_path):
    with pytest.raises(UserError, match=r"no file of weights at .*none\.pth; https://.*pth is the published one"):
        inception_scores(GOOD, GOOD, weights=tmp_path / "none.pth")


class Code:
    """Its pickle would create a file if it were loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", ["text", "code", "another network"])
def test_a_file_that_does_not_hold_the_weights_is_refused(fidelity, tmp_path, kind):
    import torch

    path, written = tmp_path / "weights.pth", tmp_path / "written"
    if kind == "text":
        path.write_text("<html>404</html>")
    else:
        torch.save(Code(written) if kind == "code" else {"fc.bias": torch.zeros(1008)}, path)
    with pytest.raises(UserError, match=r"weights\.pth: not a state_dict of torch-fidelity's") as caught:
        inception_scores(GOOD, GOOD, weights=path)
    assert "\n" not in str(caught.value)
    assert not written.exists()
