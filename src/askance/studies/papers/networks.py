"""Networks of papers that are nothing but their papers' networks, as `module:factory`."""

from torch import nn


def kirsch_cnn(num_classes: int) -> nn.Sequential:
    """The network of Kirsch, van Amersfoort and Gal 2019 for MNIST, with dropout before its last layer alone.

    Theirs also drops channels of both convolutions, p = 0.5, so that a draw costs a pass; here all but the last
    layer is computed once an image.

    Args:
        num_classes: C.

    Returns:
        Images `[N, 1, 28, 28]` to logits `[N, C]`.
    """
    return nn.Sequential(
        nn.Conv2d(1, 32, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1024, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, num_classes),
    )
