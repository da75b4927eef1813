"""Labelled images as training takes them: features of a trunk that stays, pixels for one that moves."""

from dataclasses import dataclass

from askance.pool import Images
from askance.tasks.classification import data
from askance.tasks.classification.devices import Device
from askance.tasks.classification.fit import OfFeatures, OfPixels, Validation
from askance.tasks.classification.model import classes_of, is_of_networks, moves_of
from askance.tasks.classification.predict import Extractor
from askance.tasks.classification.train import Examples
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

    def examples(self, start: SplitNet, labelled: Labelled, progress: Progress) -> Examples:
        """What a network is trained on."""
        targets = data.targets_of(labelled, classes_of(start))
        if moves_of(self.model, start) == "head":
            found = self.extractor.once(start, labelled.ids)
            rows = found.rows.to(self.fabric.device)
            ids = tuple(labelled.ids[place] for place in found.places)
            return Examples(lambda chosen: rows[chosen], targets[found.places], ids)
        pixels = data.read(self.images, labelled.ids, data.look(self.model), progress)
        kind, ids = self.train.augment, tuple(labelled.ids[place] for place in pixels.places)
        batches = data.Batches(pixels.values, self._normalise, self.fabric.device.type, kind)
        varied = None if kind == "none" else batches.varied
        return Examples(batches.read, targets[pixels.places], ids, varied)

    def validation(self, start: SplitNet, val: Labelled) -> Validation:
        """Validation images, read once for all candidates."""
        targets = data.targets_of(val, classes_of(start))
        if moves_of(self.model, start) == "head":
            found = self.extractor.once(start, val.ids)
            return Validation(OfFeatures(found, self.fabric), targets[found.places])
        pixels = data.read(self.images, val.ids, data.look(self.model))
        plain = is_of_networks(self.model, start)
        return Validation(OfPixels(pixels, self._normalise, self.fabric, plain), targets[pixels.places])

    @property
    def _normalise(self) -> data.Normalisation:
        return data.Normalisation(self.model.mean, self.model.std)
