"""Masks the slow way: a pixel at a time, a letter at a time."""


def runs(rows):
    """Lengths of runs of a list of rows of 0 and 1, columns first, from a run of 0."""
    found, inside = [0], 0
    for x in range(len(rows[0])):
        for row in rows:
            if row[x] != inside:
                found.append(0)
                inside = row[x]
            found[-1] += 1
    return found


def pixels(counts, width, height):
    """Rows of 0 and 1 from such runs."""
    rows = [[0] * width for _ in range(height)]
    at = 0
    for i, run in enumerate(counts):
        for _ in range(run):
            rows[at % height][at // height] = i % 2
            at += 1
    return rows


def letters(counts):
    """The compressed text of runs: five bits a letter, low ones first, from the fourth run on as steps."""
    text = ""
    for i, run in enumerate(counts):
        rest = run - counts[i - 2] if i > 2 else run
        while True:
            bits, rest = rest & 31, rest >> 5
            more = rest != (-1 if bits & 16 else 0)
            text += chr(48 + bits + (32 if more else 0))
            if not more:
                break
    return text


def from_letters(text):
    """Runs from such a text."""
    counts, at = [], 0
    while at < len(text):
        value, place, more = 0, 0, True
        while more:
            bits = ord(text[at]) - 48
            value |= (bits & 31) << 5 * place
            more, at, place = bool(bits & 32), at + 1, place + 1
            if not more and bits & 16:
                value -= 1 << 5 * place
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    return counts


def is_inside(x, y, ring):
    """Whether a spot lies in an outline: a ray to the right crosses it an odd number of times."""
    crossings = 0
    for (ax, ay), (bx, by) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            crossings += 1
    return crossings % 2 == 1


def filled(parts, width, height):
    """Rows of 0 and 1: the pixels whose centre lies in a part and in none of its holes."""

    def inside(x, y):
        return any(
            is_inside(x, y, outline) and not any(is_inside(x, y, hole) for hole in holes)
            for outline, holes in parts
        )

    return [[int(inside(x + 0.5, y + 0.5)) for x in range(width)] for y in range(height)]


def area(ring):
    """Square units, by trapezoids under each side."""
    sides = zip(ring, [*ring[1:], ring[0]], strict=True)
    return abs(sum((bx - ax) * (ay + by) / 2 for (ax, ay), (bx, by) in sides))
