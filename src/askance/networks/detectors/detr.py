"""RT-DETR and D-FINE of transformers: queries are fixed, and dropout stands before the last layers of the decoder.

Letters: M queries of one image, U kept of them, K draws, C classes, H features.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import dropout, interpolate

from askance.networks.detectors.sampled import Head, found_in, joined, sigmoid_logits
from askance.networks.detectors.torchvision import boxes_of, dropping, learning, scaled
from askance.networks.found import Found
from askance.uncertainty import How, dropout_masks, of_linear
from askance.vocab import Annotation


@dataclass(frozen=True, slots=True)
class DetrLook:
    """How an image goes in: brought to one size, whatever its shape.

    Attributes:
        size: height and width, pixels.
        mean: subtracted from numbers in 0..1.
        std: what they are divided by after.
    """

    size: tuple[int, int] = (640, 640)
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def of(self, image: Float[Tensor, "3 H W"]) -> Float[Tensor, "1 3 h w"]:
        """One image, numbers in 0..1, as the network takes it."""
        mean, std = (image.new_tensor(one).view(3, 1, 1) for one in (self.mean, self.std))
        sized = interpolate(image[None], self.size, mode="bilinear", antialias=True, align_corners=False)
        return (sized - mean) / std


@dataclass(frozen=True, slots=True, eq=False)
class Mlp:
    """Several layers behind one dropout, which has no closed form: draws are of masks, whichever are asked for.

    Attributes:
        name: of the dropout.
        layers: what is behind it.
        given: `[U, H]`.
    """

    name: str
    layers: nn.Module
    given: Float[Tensor, "U H"]

    def drawn(self, how: How, *, k: int, seed: int, p: float) -> Float[Tensor, "U K O"]:
        """K draws, or one where nothing is random."""
        given = self.given.unsqueeze(1)
        if how != "softmax":
            masks = dropout_masks(seed, self.name, k=k, width=given.shape[-1], p=p)
            given = given * masks.to(given) / (1 - p)
        out: Tensor = self.layers(given)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Queries:
    """Queries of one image, and what the decoder says of them.

    Attributes:
        shown: height and width of the image as people see it.
        scores: `[M, C]`.
        extra: `[M, C]`, what is added to the logits behind the last layer (D-FINE: how good a box is).
        named: `[M, H]`, what goes into the last layer of classes.
        placed: `[M, H]`, what goes into the last layers of boxes.
        by_class: the last layer of classes.
        by_box: the last layers of boxes.
        place: candidates, and how far what `by_box` gives is from what it gave, `[u, K, O]` -> centre, width and
            height `[u, K, 4]`, shares of the image.
    """

    shown: tuple[int, int]
    scores: Float[Tensor, "M C"]
    extra: Float[Tensor, "M C"]
    named: Float[Tensor, "M H"]
    placed: Float[Tensor, "M H"]
    by_class: nn.Linear
    by_box: nn.Module
    place: Callable[[Tensor, Tensor], Tensor]

    @property
    def overlap(self) -> None:
        """Queries are told apart by the decoder itself."""
        return

    def edges(self, which: Int[Tensor, "u"], label: Int[Tensor, "u"]) -> Float[Tensor, "u 4"]:
        """The boxes of some queries."""
        del label
        given = self.by_box(self.placed[which]).unsqueeze(1)
        return self._edges(which, given - given).squeeze(1)

    def head(self, which: Int[Tensor, "U"], label: Int[Tensor, "U"]) -> Head:
        """The last layers at some queries. A draw whose box is elsewhere is of another thing."""
        del label
        before = self.by_box(self.placed[which]).unsqueeze(1)
        return Head(
            self.named[which],
            of_linear("class_embed", self.by_class, self.named[which]),
            Mlp("bbox_embed", self.by_box, self.placed[which]),
            lambda given: sigmoid_logits(given + self.extra[which].unsqueeze(1)),
            lambda given: self._edges(which, given - before),
            may_swap=True,
        )

    def _edges(self, which: Tensor, moved: Tensor) -> Tensor:
        height, width = self.shown
        x, y, w, h = self.place(which, moved).unbind(-1)
        edges = torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], -1)
        size = edges.new_tensor([width, height, width, height])
        return (edges * size).clamp_min(0).minimum(size)


@dataclass(frozen=True, slots=True, eq=False)
class DetrDetector:
    """RT-DETR or D-FINE with a posterior in its last layers. See `networks.found.Trainable`.

    Attributes:
        net: in evaluation mode, and it stays so.
        classes: its C classes.
        look: how an image goes in.
        dropout: p of the dropouts before its last layers.
        how: where its draws come from; of boxes always masks, where it is dropout.
    """

    net: nn.Module
    classes: tuple[str, ...]
    look: DetrLook = DetrLook()
    dropout: float = 0.1
    how: How = "mc-dropout"

    @property
    def head(self) -> Sequence[nn.Module]:
        """Its decoder."""
        net: Any = self.net
        return [net.model.decoder]

    @torch.inference_mode()
    def found(self, images: Sequence[Tensor], *, k: int, seed: int, least: float = 0.05, most: int = 100) -> Found:
        """Boxes of one deterministic pass, and K draws at exactly these. See `networks.found.Detector`."""
        self.net.eval()
        parts = []
        for image in images:
            seen = look_at_queries(self.net, self.look, scaled(image, self.net))
            parts.append(found_in(seen, self.how, k=k, seed=seed, p=self.dropout, least=least, most=most))
        return joined(parts)

    def losses(self, images: Sequence[Tensor], targets: Sequence[Annotation]) -> Mapping[str, Tensor]:
        """The library's own loss, BatchNorm as it is. See `networks.found.Trainable`."""
        place = {name: i for i, name in enumerate(self.classes)}
        device = next(self.net.parameters()).device
        said = []
        for image, target in zip(images, targets, strict=True):
            one = boxes_of(target, place, image, device)
            size = one["boxes"].new_tensor([image.shape[-1], image.shape[-2]] * 2)
            left, top, right, bottom = (one["boxes"] / size).unbind(-1)
            middle = torch.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], -1)
            said.append({"boxes": middle, "class_labels": one["labels"]})
        batch = torch.cat([self.look.of(scaled(image, self.net)) for image in images])
        decoder: Any = self.head[0]
        with learning(self.net), dropping([*decoder.class_embed, *decoder.bbox_embed], self.dropout, dropout):
            out: Any = self.net(pixel_values=batch, labels=said)
        return {"loss": out.loss}

    def anew(self) -> Self:
        """The same with a copy of the network."""
        return replace(self, net=deepcopy(self.net))


def look_at_queries(net: Any, look: DetrLook, image: Float[Tensor, "3 H W"]) -> Queries:
    """One deterministic pass: encoder, choice of queries, decoder."""
    decoder = net.model.decoder
    at = getattr(decoder, "eval_idx", len(decoder.layers) - 1)
    by_class, by_box = decoder.class_embed[at], decoder.bbox_embed[at]
    went_in: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            went_in[name] = given[0]  # layers may share it: the last one counts

        return hook

    hooks = [by_class.register_forward_pre_hook(keep("class")), by_box.register_forward_pre_hook(keep("box"))]
    try:
        out = net(pixel_values=look.of(image))
    finally:
        for hook in hooks:
            hook.remove()
    logits, named = out.logits[0], went_in["class"][0]
    return Queries(
        (image.shape[-2], image.shape[-1]),
        logits.sigmoid(),
        logits - by_class(named),
        named,
        went_in["box"][0],
        by_class,
        by_box,
        _refined(decoder, out) if hasattr(decoder, "integral") else _shifted(out),
    )


def _shifted(out: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """RT-DETR: a shift of the logit of the box."""
    boxes = out.pred_boxes[0].clamp(1e-5, 1 - 1e-5).logit()

    def place(which: Tensor, moved: Tensor) -> Tensor:
        moved_to: Tensor = (boxes[which].unsqueeze(1) + moved).sigmoid()
        return moved_to

    return place


def _refined(decoder: Any, out: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """D-FINE: distributions of the four edges' distances, refined layer by layer; the last layer adds to them."""
    from transformers.models.d_fine.modeling_d_fine import distance2bbox, weighting_function

    bins = weighting_function(decoder.max_num_bins, decoder.up, decoder.reg_scale)
    corners, first = out.intermediate_predicted_corners[0, -1], out.initial_reference_points[0, -1]

    def place(which: Tensor, moved: Tensor) -> Tensor:
        distances = decoder.integral(corners[which].unsqueeze(1) + moved, bins)
        boxes: Tensor = distance2bbox(first[which].unsqueeze(1).expand_as(distances), distances, decoder.reg_scale)
        return boxes

    return place
