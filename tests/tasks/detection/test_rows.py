"""One row an image: what the trunk sees in its objects, each by how sure it is."""

import pytest
import torch
from torch.nn.functional import normalize

from askance.maths import Rows
from askance.networks.found import Found, at_most_one
from askance.tasks.detection.rows import densities_of, rows_of_objects, rows_of_patches
from askance.uncertainty import fit_density
from askance.vocab import LabelError

SIZE = (48, 32)  # cells of 8 and of 16 pixels


def maps(n=3):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(n, 3, 4, 6, generator=generator), torch.randn(n, 2, 2, 3, generator=generator)]


def found(boxes, image, n=3):
    logits = torch.randn(len(boxes), 4, 2, generator=torch.Generator().manual_seed(1))
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return Found(
        boxes, torch.tensor(image), n, torch.zeros(len(boxes), 1), at_most_one(logits, joint=True), boxes[:, None]
    )


def test_a_row_is_the_mean_direction_of_objects_by_how_sure_they_are():
    of = maps()
    said = found([[0, 0, 10, 20], [40, 24, 48, 32], [17, 1, 31, 13]], [0, 0, 2])
    rows = rows_of_objects(said, of, SIZE)
    # Middles (5, 10), (44, 28), (24, 7): cells (row 1, column 0), (3, 5), (0, 3) of the finest map.
    spots = [(0, 1, 0), (0, 3, 5), (2, 0, 3)]
    seen = [
        torch.cat([normalize(of[0][i, :, y, x], dim=0), normalize(of[1][i, :, y // 2, x // 2], dim=0)])
        for i, y, x in spots
    ]
    sure = 1 - said.draws.log_probs[:, :, -1].exp().mean(1)
    mean = sure[0] * seen[0] / seen[0].norm() + sure[1] * seen[1] / seen[1].norm()
    assert torch.allclose(rows[0], mean / mean.norm(), atol=1e-6)
    assert torch.allclose(rows[2], seen[2] / seen[2].norm(), atol=1e-6)
    assert torch.allclose(rows[1], rows_of_patches([level[1:2] for level in of])[0], atol=1e-6)


def test_patches_are_those_that_stand_out():
    level = torch.ones(1, 4, 12, 12)
    level[0, :, 3:6, 7:10] = torch.tensor([-1.0, 1, 0, 0])[:, None, None]
    rows = rows_of_patches([level])
    thing, rest = normalize(torch.tensor([-1.0, 1, 0, 0]), dim=0), torch.full((4,), 0.5)
    share = (rows[0] - rest * (rows[0] @ rest)).norm()
    assert share > 0
    assert rows[0] @ thing > 0.1  # the rest of the image is at right angles to it
    assert torch.allclose(rows.norm(dim=1), torch.ones(1), atol=1e-6)
    assert torch.allclose(rows_of_patches([level.flip(3)]), rows, atol=1e-6)


def test_densities_are_those_of_one_gaussian_of_the_labelled_images():
    names = [f"{i:02d}" for i in range(9)]
    table = dict(zip(names, torch.randn(9, 3, generator=torch.Generator().manual_seed(2)), strict=True))

    def rows(ids):
        for start in range(0, len(ids), 4):
            some = ids[start : start + 4]
            yield Rows(torch.arange(start, start + len(some)), torch.stack([table[name] for name in some]))

    labelled = ["07", "01", "03", "00", "05", "02"]
    one = torch.cat([chunk.log_density for chunk in densities_of(rows, names, labelled)])
    known = torch.stack([table[name] for name in sorted(labelled)])
    fitted = fit_density([(known, torch.zeros(6, dtype=torch.long))], n_classes=1, covariance="pooled")
    assert torch.allclose(one, fitted.log_density(torch.stack([*table.values()])))
    other = torch.cat([chunk.log_density for chunk in densities_of(rows, names, labelled[::-1])])
    assert torch.equal(one, other)
    assert [int(p) for chunk in densities_of(rows, names, labelled) for p in chunk.positions] == list(range(9))
    for few in ([], ["03"]):
        with pytest.raises(LabelError, match="two readable labelled images"):
            densities_of(rows, names, few)
