"""Detectors of random weights that see an image of 64 pixels, and images for them."""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from askance.networks.detectors.build import NetDetector, Spec, build

CLASSES = ("can", "cup", "lid")

_SMALL = {"min_size": 64, "max_size": 64}
_QUERIES = {
    "size": 64,
    "d_model": 32,
    "encoder_hidden_dim": 32,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "decoder_layers": 2,
    "num_queries": 10,
    "decoder_in_channels": [32, 32, 32],
    "num_denoising": 4,
    "encoder_in_channels": [16, 24, 32],
}
_STAGES = {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
_OUT = {"out_features": ["stage2", "stage3", "stage4"]}
_RESNET = {"model_type": "rt_detr_resnet", "layer_type": "basic", **_STAGES, **_OUT}
_HGNET = {
    "model_type": "hgnet_v2",
    "stem_channels": [3, 8, 8],
    "stage_in_channels": [8, 8, 16, 24],
    "stage_mid_channels": [8, 8, 8, 8],
    "stage_out_channels": [8, 16, 24, 32],
    "stage_num_blocks": [1, 1, 1, 1],
    "stage_numb_of_layers": [1, 1, 1, 1],
    "stage_downsample": [False, True, True, True],
    "stage_light_block": [False, False, True, True],
    "stage_kernel_size": [3, 3, 3, 3],
    **_STAGES,
    **_OUT,
}

OPTIONS = {
    "torchvision/fasterrcnn_mobilenet_v3_large_320_fpn": {
        **_SMALL,
        "rpn_pre_nms_top_n_test": 200,
        "rpn_post_nms_top_n_test": 50,
    },
    "torchvision/retinanet_resnet50_fpn": _SMALL,
    "torchvision/fcos_resnet50_fpn": _SMALL,
    "torchvision/ssdlite320_mobilenet_v3_large": {},
    "transformers/rt_detr": {**_QUERIES, "backbone_config": _RESNET},
    "transformers/d_fine": {
        **_QUERIES,
        "max_num_bins": 8,
        "hidden_expansion": 0.5,
        "lqe_hidden_dim": 8,
        "backbone_config": _HGNET,
    },
}

TORCHVISION = [name for name in OPTIONS if name.startswith("torchvision/")]


def spec_of(name: str, how: str = "mc-dropout", p: float = 0.2) -> Spec:
    return Spec(name, CLASSES, p, how, OPTIONS[name])


@cache
def tiny(name: str, how: str = "mc-dropout") -> NetDetector:
    """The same network for each way to draw. Nobody may change it."""
    if how != "mc-dropout":
        made = tiny(name)
        return type(made)(**{field: getattr(made, field) for field in made.__slots__} | {"how": how})
    made = build(spec_of(name), seed=1)
    if name in TORCHVISION:
        _settle(made.net)
    generator = torch.Generator().manual_seed(5)
    for weight in _last(made):  # as they are made, they say nearly the same of all places
        weight.data += 0.02 * torch.randn(weight.shape, generator=generator)
    return made


@torch.no_grad()
def _settle(net: Any) -> None:
    """BatchNorm knows the images: else numbers die out in a network that nobody trained."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    batch, _ = net.transform([one / 255 for one in [*images(), *images()]])
    maps = net.backbone(batch.tensors)
    if hasattr(net, "head"):
        net.head(list(maps.values()))
    net.eval()


def _last(made: NetDetector) -> list[Tensor]:
    named = dict(made.net.named_parameters())
    wanted = ("cls_score.weight", "cls_logits.weight", "bbox_pred.weight", "bbox_reg.weight", "module_list")
    return [one for name, one in named.items() if any(part in name for part in wanted) and one.dim() > 1]


def images() -> list[Tensor]:
    """Two, of different shapes."""
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randint(0, 256, (3, high, wide), generator=generator, dtype=torch.uint8)
        for high, wide in ((60, 80), (64, 50))
    ]
