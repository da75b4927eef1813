"""Slow, obvious twins of what detection heads learn and say: cell by cell, box by box."""

import math


def peaks_of(boxes, classes, n_classes, shape, stride, *, sigma=6.0, thinnest=0.3):
    """Heat maps as nested lists, from centres in cells and a Gaussian around each."""
    height, width = shape
    heat = [[[0.0] * width for _ in range(height)] for _ in range(n_classes)]
    for (left, top, right, bottom), c in zip(boxes, classes, strict=True):
        cx = min(max(math.floor((left + right) / 2 / stride), 0), width - 1)
        cy = min(max(math.floor((top + bottom) / 2 / stride), 0), height - 1)
        sx = max((right - left) / stride / sigma, thinnest)
        sy = max((bottom - top) / stride / sigma, thinnest)
        for y in range(height):
            for x in range(width):
                value = math.exp(-(((x - cx) / sx) ** 2) / 2) * math.exp(-(((y - cy) / sy) ** 2) / 2)
                heat[c][y][x] = max(heat[c][y][x], value)
    return heat


def edges_of(boxes, shape, stride, least=0.3):
    """Cell -> distances of the smallest box that wants it: its centre's cell, and the eight around inside it."""
    height, width = shape
    found = {}
    order = sorted(range(len(boxes)), key=lambda b: -(boxes[b][2] - boxes[b][0]) * (boxes[b][3] - boxes[b][1]))
    for b in order:
        left, top, right, bottom = (edge / stride for edge in boxes[b])
        cx = min(max(math.floor((left + right) / 2), 0), width - 1)
        cy = min(max(math.floor((top + bottom) / 2), 0), height - 1)
        for y in range(max(cy - 1, 0), min(cy + 2, height)):
            for x in range(max(cx - 1, 0), min(cx + 2, width)):
                to = (x + 0.5 - left, y + 0.5 - top, right - x - 0.5, bottom - y - 0.5)
                if min(to) > 0 or (x, y) == (cx, cy):
                    found[y, x] = tuple(max(one, least) for one in to)
    return found


def focal(logits, heat, counted, n):
    """Focal loss of one image, over its peaks: numbers of Zhou, Wang and Krähenbühl's equation 1."""
    total = 0.0
    for c, rows in enumerate(logits):
        for y, row in enumerate(rows):
            for x, z in enumerate(row):
                p, y_true = 1 / (1 + math.exp(-z)), heat[c][y][x]
                if not counted[y][x]:
                    continue
                if y_true == 1:
                    total -= (1 - p) ** 2 * math.log(p)
                else:
                    total -= (1 - y_true) ** 4 * p**2 * math.log(1 - p)
    return total / max(n, 1)


def giou(a, b):
    """Generalised IoU of two boxes by their edges."""
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])  # noqa: E731
    union = area(a) + area(b) - shared
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return shared / union - (hull - union) / hull


def peaks_found(heat, least, most):
    """Of one image `[C][h][w]`: the cells that are the highest of the nine around, best first, at most so many."""
    found = []
    for c, rows in enumerate(heat):
        for y, row in enumerate(rows):
            for x, value in enumerate(row):
                around = [
                    rows[v][u]
                    for v in range(max(y - 1, 0), min(y + 2, len(rows)))
                    for u in range(max(x - 1, 0), min(x + 2, len(row)))
                ]
                if value >= least and value == max(around):
                    found.append((value, c, y, x))
    return {(c, y, x) for _, c, y, x in sorted(found, reverse=True)[:most]}


def masked_outputs(features, weight, bias, kept, p):
    """One cell under one mask: W (m * g) / (1 - p) + b."""
    return [
        sum(w * g * m for w, g, m in zip(row, features, kept, strict=True)) / (1 - p) + b
        for row, b in zip(weight, bias, strict=True)
    ]
