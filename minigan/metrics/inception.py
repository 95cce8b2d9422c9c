"""The standard Inception Score and FID, with the Inception network of 2015, computed by the library torch-fidelity."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigan.data.download import Download, download
from minigan.errors import DataError, UserError

# TensorFlow's network of 2015, converted: the file that torch-fidelity uses, and pytorch-fid too.
WEIGHTS = Download(
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    95_628_359,
)


def inception_scores(
    images: npt.NDArray[np.uint8],
    reference: npt.NDArray[np.uint8],
    weights: str | os.PathLike[str] | None = None,
    splits: int = 10,
    seed: int = 0,
) -> dict[str, Any]:
    """{"inception_score": {"mean", "std"}, "fid", "protocol"} of images, with the FID against the reference.

        IS  = exp( E_x KL( p(y|x) ‖ p(y) ) )                           p(y|x): softmax of the 1008 unbiased logits
        FID = ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2·tr (Σ₁ Σ₂)^½              μ, Σ: of the 2048 pooled features

    Both depend on the number of images: compare only scores of equal protocols (papers: 50,000 images, 10 splits). With
    fewer images than features, the FID is large whatever they show; the IS is at most the number of images in a split.

    images, reference: uint8 (N, H, W, C), C 1 or 3 (grey is repeated to three channels), on the host; their sizes may
    differ, since the network resizes both to 299 × 299. weights: a .pth file with the network's state_dict, or None for
    the published one, which is downloaded once into PyTorch's cache. seed: for the shuffle before the splits. A GPU is
    used if PyTorch has one. The protocol records the SHA-256 of the weights; that of `WEIGHTS` is the published
    network.
    Raises UserError for other arrays, fewer images than splits, a missing library, weights that are missing or cannot
    be downloaded, or a file that holds something else.
    Source: Salimans et al. 2016; Heusel et al. 2017; Obukhov et al. 2020, torch-fidelity.
    """
    for name, array in ("images", images), ("reference", reference):
        shape, dtype = np.shape(array), getattr(array, "dtype", type(array).__name__)
        if dtype != np.uint8 or len(shape) != 4 or shape[0] < 2 or shape[3] not in (1, 3) or 0 in shape:
            raise UserError(
                f"inception_scores: expected {name} in uint8 of shape (N, H, W, C), N at least 2, C 1 or 3, "
                f"got {dtype} of shape {shape}"
            )
    if not 1 <= splits <= len(images) or not 0 <= seed < 2**32:
        raise UserError(
            f"inception_scores: expected 1 to {len(images)} splits of {len(images)} images and a seed from 0 to 2³² − 1"
            f", got {splits} splits and seed {seed}"
        )
    try:
        import torch
        import torch_fidelity
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision was built for another torch
        raise UserError(
            "inception_scores: torch-fidelity cannot be imported; pip install 'minigan[inception]', with a torchvision "
            f"that fits your torch ({type(error).__name__}: {' '.join(str(error).split())})"
        ) from error

    class Images(torch.utils.data.Dataset):
        """uint8 tensors (3, H, W), as torch-fidelity reads them."""

        def __init__(self, images: npt.NDArray[np.uint8]) -> None:
            self.images = torch.tensor(np.ascontiguousarray(images)).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)

        def __len__(self) -> int:
            return len(self.images)

        def __getitem__(self, index: int) -> Any:
            return self.images[index]

    path, digest = _weights_file(torch, torch_fidelity, weights)
    scores = torch_fidelity.calculate_metrics(
        input1=Images(images),
        input2=Images(reference),
        isc=True,
        fid=True,
        isc_splits=splits,
        samples_shuffle=True,
        rng_seed=seed,
        feature_extractor_weights_path=str(path),
        cuda=torch.cuda.is_available(),
        save_cpu_ram=True,  # no worker processes: the images are in memory
        cache=False,
        verbose=False,
    )
    return {
        "inception_score": {"mean": scores["inception_score_mean"], "std": scores["inception_score_std"]},
        "fid": scores["frechet_inception_distance"],
        "protocol": {
            "samples": len(images),
            "reference_images": len(reference),
            "splits": splits,
            "seed": seed,
            "feature_network": f"inception-v3-compat of torch-fidelity {torch_fidelity.__version__}",
            "weights_sha256": digest,
        },
    }


def _weights_file(torch: Any, torch_fidelity: Any, weights: str | os.PathLike[str] | None) -> tuple[Path, str]:
    """(path, SHA-256) of the file with the weights; None: the published one, from PyTorch's cache or the web."""
    if weights is None:
        folder = Path(torch.hub.get_dir()) / "checkpoints"  # torch-fidelity's own cache, too
        try:
            return download(WEIGHTS, folder), WEIGHTS.sha256
        except DataError as error:
            raise UserError(
                f"{str(error).split(';')[0]}; put {WEIGHTS.url} into {folder} by hand, or give its path as `weights`"
            ) from error
    path = Path(weights)
    if not path.is_file():
        raise UserError(f"inception_scores: no file of weights at {path}; {WEIGHTS.url} is the published one")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != WEIGHTS.sha256:
        try:
            torch.load(path, map_location="cpu", weights_only=True)  # torch-fidelity would run the code in a pickle
            torch_fidelity.FeatureExtractorInceptionV3("", ["2048"], feature_extractor_weights_path=str(path))
        except Exception as error:  # the type depends on the file's content
            raise UserError(f"{path}: not a state_dict of torch-fidelity's FeatureExtractorInceptionV3") from error
    return path, digest
