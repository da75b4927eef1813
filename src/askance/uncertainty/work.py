"""What draws cost, counted and not timed."""

from dataclasses import dataclass

from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from askance.uncertainty.discovery import run
from askance.uncertainty.outputs import logits_of
from askance.uncertainty.split import SplitNet, laid_out


@dataclass(frozen=True, slots=True)
class Work:
    """Multiplications of a network, counted and not timed.

    Attributes:
        once: of one full pass of one image.
        again: of what runs again for each draw.
    """

    once: int
    again: int

    def passes(self, k: int) -> float:
        """What K draws cost, in full passes: 1 is the price of one prediction.

        Where nothing could be counted (quantised layers), K, which is the most it can be.
        """
        if not self.once:
            return float(k)
        return (self.once - self.again + k * self.again) / self.once


def work_of(net: SplitNet, example: Tensor) -> Work:
    """What a draw of a cut network costs: its head again, whatever the kernels save of that."""
    image = laid_out(example[:1], net)
    once, again = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with once:
        run(net, image, logits_of)
    seen = net.features(image)
    with again:
        run(net.head, seen, logits_of)
    return Work(once.get_total_flops(), again.get_total_flops())
