"""Labelled images as training takes them: features of a trunk that stays, pixels for one that moves."""

from dataclasses import dataclass

from askance.networks.features import Extractor
from askance.networks.model import is_of_networks, moves_of
from askance.networks.pixels import Normalisation, look, read
from askance.pool import Images
from askance.tasks.classification.kinds import Targets
from askance.tasks.classification.objective import OfFeatures, OfPixels, Validation
from askance.training.batches import Batches
from askance.training.devices import Device
from askance.training.steps import Examples
from askance.uncertainty import SplitNet
from askance.vocab import Labelled, Progress
from askance.vocab.config import ModelConfig, TrainConfig


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads each image once a training; one that cannot be read is left out.

    Attributes:
        images: where pixels come from.
        model: how the network looks at them.
        train: how it is trained.
        extractor: what its trunk makes of them.
        fabric: where the work is done.
    """

    images: Images
    model: ModelConfig
    train: TrainConfig
    extractor: Extractor
    fabric: Device

    def examples(self, start: SplitNet, labelled: Labelled, numbers: Targets, progress: Progress) -> Examples:
        """What a network is trained on."""
        targets = numbers(labelled)
        if moves_of(self.model, start) == "head":
            found = self.extractor.once(start, labelled.ids)
            rows = found.rows.to(self.fabric.device)
            ids = tuple(labelled.ids[place] for place in found.places)
            return Examples(lambda chosen: rows[chosen], targets[found.places], ids)
        pixels = read(self.images, labelled.ids, look(self.model), progress)
        kind, ids = self.train.augment, tuple(labelled.ids[place] for place in pixels.places)
        batches = Batches(pixels.values, self._normalise, self.fabric.device.type, kind)
        varied = None if kind == "none" else batches.varied
        return Examples(batches.read, targets[pixels.places], ids, varied)

    def validation(self, start: SplitNet, val: Labelled, numbers: Targets) -> Validation:
        """Validation images, read once for all candidates."""
        targets = numbers(val)
        if moves_of(self.model, start) == "head":
            found = self.extractor.once(start, val.ids)
            return Validation(OfFeatures(found, self.fabric), targets[found.places], numbers.nll)
        pixels = read(self.images, val.ids, look(self.model))
        plain = is_of_networks(self.model, start)
        return Validation(
            OfPixels(pixels, self._normalise, self.fabric, plain), targets[pixels.places], numbers.nll
        )

    @property
    def _normalise(self) -> Normalisation:
        return Normalisation(self.model.mean, self.model.std)
