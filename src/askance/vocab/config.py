"""What a person decides: the shape of `askance.toml`, checked when read.

Every field has its default and its meaning here, once; the docs page is made from it.
"""

import math
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PRETRAINED, NO_WEIGHTS = "pretrained", "none"
"""What `model.weights` may say besides a path: the library's own weights, or none on purpose."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PoolConfig(_Section):
    """Where the images are."""

    source: str = Field(description="a folder, a CSV or text file of paths or URLs, or any fsspec URL")
    max_pixels: int = Field(
        default=120_000_000,
        gt=0,
        description="an image with more pixels is quarantined as a decompression bomb",
    )
    max_bytes: int = Field(
        default=500_000_000, gt=0, description="a file with more bytes is quarantined, and not read"
    )
    max_depth: int = Field(
        default=100,
        gt=0,
        description="folders within folders, from the source down; what lies deeper is quarantined",
    )
    timeout: float = Field(
        default=20.0,
        gt=0,
        allow_inf_nan=False,
        description="seconds that a storage behind a URL may be silent; what it does not send is tried again",
    )


class ModelConfig(_Section):
    """Which network, and how it looks at an image."""

    name: str = Field(
        default="gal-cnn",
        description="gal-cnn, pixels, any torchvision or timm classifier by name (askance models lists some), "
        "transformers/OWNER/REPO, transformers/TYPE, or module:factory of your own",
    )
    head: Literal["bayesian", "own"] = Field(
        default="bayesian",
        description="bayesian: a new head with dropout on the trunk; own: the network as it is, its own dropouts",
    )
    weights: str | None = Field(
        default=None,
        description='what the trunk starts from: "pretrained": what its library has for that name, from the '
        'library\'s own cache or else fetched; "none": random numbers; or the path of a safetensors file, from '
        "the project's folder; unset, as in older projects: random numbers",
    )
    size: int = Field(default=224, ge=4, le=16_384, description="images are brought to size x size pixels")
    channels: Literal[1, 3] = Field(default=3, description="1 for grey images, 3 for colour")
    fit: Literal["stretch", "crop", "pad"] = Field(default="stretch", description="how an image becomes square")
    mean: float | tuple[float, float, float] = Field(
        default=0.5, description="subtracted from pixels in [0, 1]; three numbers for red, green and blue"
    )
    std: float | tuple[float, float, float] = Field(
        default=0.5,
        description="above 0; what pixels are divided by after the mean is subtracted; three numbers likewise",
    )
    dropout: float = Field(
        default=0.5, gt=0, lt=1, description="dropout of the Bayesian head (gal-cnn has its own)"
    )
    hidden: int = Field(
        default=0, ge=0, le=1_000_000, description="width of a hidden layer in the Bayesian head; 0 for none"
    )
    posterior: Literal[
        "mc-dropout",
        "dropout-moments",
        "laplace",
        "laplace-full",
        "laplace-diag",
        "swag",
        "ensemble",
        "snapshots",
        "softmax",
    ] = Field(default="mc-dropout", description="what networks are drawn from, see the page on uncertainty")
    members: int = Field(
        default=5,
        ge=2,
        description="members of an ensemble, or snapshots of one run: heads where only the head is trained, "
        "else whole networks",
    )
    prior: Literal["folds", "evidence"] = Field(
        default="folds",
        description="how wide a prior Laplace has: folds: as training labels held out in turn say; "
        "evidence: of highest marginal likelihood, faster and much too wide for few labels",
    )
    options: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="further keyword arguments of the network's factory"
    )
    train: Literal["head", "blocks", "all"] | None = Field(
        default=None,
        description="what training moves: the head, all, or, of detection, the heads and the last blocks; unset: "
        "the head alone if weights are given or pretrained, else all; of detection always the heads alone",
    )

    @property
    def has_weights(self) -> bool:
        """Whether the trunk starts from weights that somebody trained.

        >>> ModelConfig(weights="pretrained").has_weights, ModelConfig(weights=NO_WEIGHTS).has_weights
        (True, False)
        """
        return self.weights not in (None, NO_WEIGHTS)

    def weights_under(self, folder: Path) -> "ModelConfig":
        """The same, a relative path of weights taken from a folder.

        >>> ModelConfig(weights="w.safetensors").weights_under(Path("here")).weights.replace(chr(92), "/")
        'here/w.safetensors'
        """
        if self.weights is None or self.weights in (PRETRAINED, NO_WEIGHTS):
            return self
        return self.model_copy(update={"weights": str(folder / self.weights)})

    @field_validator("std")
    @classmethod
    def _above_zero(cls, std: float | tuple[float, float, float]) -> float | tuple[float, float, float]:
        if not all(0 < one < math.inf for one in (std if isinstance(std, tuple) else (std,))):
            raise ValueError("a number above 0, or three of them in a list")
        return std

    @model_validator(mode="after")
    def _three_of_three(self) -> "ModelConfig":
        if self.channels == 1 and (isinstance(self.mean, tuple) or isinstance(self.std, tuple)):
            raise ValueError("one number for mean and one for std where channels = 1")
        return self


class TrainConfig(_Section):
    """How the model is fitted each round."""

    start: Literal["scratch", "warm"] = Field(
        default="scratch", description="from scratch, or from the last round"
    )
    max_steps: int = Field(default=2000, gt=0, description="optimiser steps at most")
    stop: Literal["settled", "validation"] = Field(
        default="settled",
        description="when training ends: settled: the training loss has stopped falling; validation: the "
        "validation loss has, and the weights it was least with are kept",
    )
    min_steps: int = Field(default=200, ge=0, description="optimiser steps at least")
    batch: int = Field(default=16, gt=0, description="images a step")
    learning_rate: float | tuple[float, ...] | None = Field(
        default=None,
        description="of Adam, above 0; constant, the weights are averaged; of several, the one of least "
        "validation loss is kept, chosen together with weight_decay; unset: what suits the network",
    )
    trunk_learning_rate: float | None = Field(
        default=None,
        gt=0,
        description="of the trunk where it is trained too; unset: the head's, or a tenth of it for given weights",
    )
    weight_decay: tuple[float, ...] = Field(
        default=(3.0, 10.0),
        min_length=1,
        description="c of the penalty c/N ||W||^2 on the head's weights, N training images; of several, the one "
        "of least validation loss is kept, or the first if there are no validation labels",
    )
    folds: int = Field(
        default=0,
        ge=0,
        description="without validation labels, and where only the head is trained, weight_decay and "
        "learning_rate are chosen by cross-validation over this many folds of the training labels; 0: not",
    )
    balance: Literal["none", "weights", "sampling"] = Field(
        default="none",
        description="rare classes count like common ones: by weights N/(C n_c) in the loss, or by "
        "minibatches that draw every class as often",
    )
    augment: Literal["none", "flips", "standard"] = Field(
        default="none",
        description="training images changed at random, where the trunk is trained too: flips: left-right and "
        "up-down; standard: left-right, a crop of 70 % or more, and light of three channels",
    )
    device: str = Field(default="auto", description="as Lightning Fabric names accelerators: auto, cpu, cuda, mps")
    devices: int | Literal["auto"] = Field(
        default=1,
        description="how many of the machine's devices train a whole network together, each its share of every "
        "minibatch; auto: all, of processors one; where only the head is trained it is always one",
    )
    precision: str = Field(default="32-true", description="as Lightning Fabric names precisions")

    @field_validator("learning_rate")
    @classmethod
    def _positive(cls, rate: float | tuple[float, ...] | None) -> float | tuple[float, ...] | None:
        values = rate if isinstance(rate, tuple) else (1.0 if rate is None else rate,)
        if not values or not all(0 < value < math.inf for value in values):
            raise ValueError("a number above 0, or one or more of them in a list")
        return rate

    @field_validator("weight_decay")
    @classmethod
    def _not_negative(cls, decay: tuple[float, ...]) -> tuple[float, ...]:
        if not all(value >= 0 for value in decay):
            raise ValueError("0 or more, each of them")
        return decay

    @field_validator("devices")
    @classmethod
    def _one_device(cls, devices: int | Literal["auto"]) -> int | Literal["auto"]:
        if devices != "auto" and devices < 1:
            raise ValueError('1 or more, or "auto"')
        return devices

    @field_validator("folds")
    @classmethod
    def _two_folds(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one fold leaves nothing to train on: 0 for none, or 2 and more")
        return folds


class DetectorConfig(_Section):
    """How objects are found: the maps that are cached, and the small heads that are fitted on them."""

    input: tuple[int, int] | None = Field(
        default=None,
        description="width and height that images are brought to, pixels, whole multiples of 32, their shape kept "
        "and the rest filled; unset: 320 along the longer side, in the shape that is commonest in the pool",
    )
    stride: Literal[4, 8, 16] = Field(
        default=8,
        description="pixels of the input to a cell of the finest map; 4 for small objects",
    )
    width: int = Field(default=48, ge=8, le=1024, multiple_of=8, description="channels of the head, in eights")
    separable: bool = Field(
        default=False, description="depthwise separable convolutions in the head: smaller, faster, a little worse"
    )
    mirror: bool = Field(
        default=True, description="each image is seen mirrored too: better, for twice the room on the disk"
    )
    compact: bool = Field(
        default=False,
        description="maps of half as many channels, mixed at random and always alike: half the room on the disk, "
        "a little worse",
    )
    epochs: int | None = Field(
        default=None,
        ge=1,
        description="times each image is seen; unset: the more the fewer labels there are",
    )
    learning_rate: float = Field(default=4e-3, gt=0, description="of AdamW, the highest of one cycle")
    weight_decay: float = Field(default=1e-3, ge=0, description="of AdamW")
    least: float = Field(
        default=0.05, gt=0, lt=1, description="a peak below this probability is no detection, and no unit"
    )
    most: int = Field(default=100, ge=1, le=10_000, description="detections of an image at most")
    cache: int = Field(
        default=20_000_000_000,
        ge=0,
        description="bytes that cached maps may take on the disk; images beyond are looked at anew every round",
    )


class StrategyConfig(_Section):
    """How the next batch is chosen."""

    acquisition: str = Field(default="margin", description="a name of the acquisition catalogue")
    selection: str = Field(default="uncertainty-herding", description="a name of the selection catalogue")
    beta: float | None = Field(
        default=None,
        gt=0,
        description="of power, softmax and softrank, how unequal the chances of the lot are: near 0 all alike, "
        "large the top scores; unset: 1",
    )
    draws: int = Field(
        default=100, ge=2, le=1_000_000, description="K, how many networks are drawn from the posterior"
    )
    batch: int = Field(default=50, gt=0, description="images a round")
    subset: int | None = Field(
        default=None, gt=0, description="score only this many of the pool, at random, a round"
    )
    targets: str | None = Field(
        default=None,
        description="what EPIG is to predict well: val or test, the images of that set (never their labels); or a "
        "pattern of names below the pool, as site-b/*; unset: images like those that are scored",
    )
    n_targets: int = Field(default=200, gt=0, description="how many of them, at random, EPIG is asked about")
    aggregation: Literal["mean", "max", "top3-mean", "per-cost"] = Field(
        default="top3-mean",
        description="how the scores of an image's boxes become its own: their mean, the highest, the mean of the "
        "three highest; or per-cost: their sum over what the image is expected to cost, cost_image + cost_box x "
        "the boxes expected in it; where an image is one unit, as in classification, all say the same",
    )
    cost_image: float = Field(
        default=5.0, gt=0, description="of per-cost, what looking at an image costs, in seconds or any other money"
    )
    cost_box: float = Field(
        default=7.0, ge=0, description="of per-cost, what a box costs: 7 s by its four extreme points"
    )
    class_weights: Literal["none", "difficulty"] = Field(
        default="none",
        description="of detection, how much a box counts by its class: all alike, or more where the model finds "
        "the class badly (up to a fifth more)",
    )


class Config(_Section):
    """A project's `askance.toml`."""

    task: Literal["classification", "detection"] = Field(
        default="classification", description="what is predicted: a class, or objects with boxes"
    )
    several: bool = Field(
        default=False, description="of classification: an image may have several classes, or none of them"
    )
    classes: tuple[str, ...] = Field(default=(), description="class names, in the order of the model's outputs")
    seed: int = Field(default=0, ge=0, description="what every random choice derives from")
    store: str | None = Field(
        default=None,
        repr=False,
        description="database URL, a file's relative path from the project's folder; unset: askance.db in there",
    )
    pool: PoolConfig
    model: ModelConfig = Field(default_factory=ModelConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    detector: DetectorConfig = Field(default_factory=DetectorConfig)
    strategy: StrategyConfig = Field(default_factory=StrategyConfig)
