"""What became of the rows of a label file, in a few lines."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from askance.session.labels import Imported

SHOWN = 5
"""Rows that are shown of each kind; all are counted."""


def print_imported(imported: "Imported") -> None:
    """Counts, then what changed, what differs from another person's word, answers, and what was set aside."""
    from askance.cli.show import console

    for line in imported_lines(imported):
        console.print(line, markup=False, highlight=False)


def imported_lines(imported: "Imported") -> list[str]:
    """The same as lines of text."""
    more = [
        (imported.agreed, "as another person said"),
        (imported.differed, "other than another person said"),
        (imported.settled, "settled as they were"),
    ]
    parts = [f"{imported.new} new", f"{imported.changed} changed", f"{imported.unchanged} as before"]
    parts += [f"{n} {what}" for n, what in more if n]
    parts += [f"{imported.empty} rows without a label", f"{len(imported.rejected)} rejected"]
    lines = [f"labels: {', '.join(parts)}"]
    if imported.objects is not None:
        empty = f", and {imported.nothing} with nothing in them" if imported.nothing else ""
        lines.append(f"  {imported.objects:,} objects{empty}")
    elif imported.nothing:
        lines.append(f"  {imported.nothing} images with none of the classes")
    if imported.given_up:
        lines.append("  nothing was taken, as not all of it can be (--all-or-nothing)")
    lines += [f"  {one.name}: {one.before} -> {one.after} ({one.whose} said {one.before})"
              for one in imported.changes[:SHOWN]]  # fmt: skip
    if len(imported.changes) > SHOWN:
        lines.append(f"  and {len(imported.changes) - SHOWN} more changed")
    if imported.beside:
        whose = _names(one.whose for one in imported.beside)
        lines.append(
            f"  {len(imported.beside)} differ from what {whose} said, whose labels stay: askance disagreements"
        )
    if imported.answers:
        told = ", ".join(f"{n} {answer}" for answer, n in sorted(imported.answers.items()))
        lines.append(f"  answers: {told}: counted, never trained on, not asked again")
    lines += _set_aside(imported)
    lines += [f"  {note}" for note in imported.notes]
    if imported.other_groups:
        lines.append(
            f"  {imported.other_groups} images have another group there than in the pool. Groups keep a split "
            "together where the pool's source names them: make pool.source a CSV with the columns path and group"
        )
    return lines


def _set_aside(imported: "Imported") -> list[str]:
    lines = [f"  {one.row.place}: {one.reason}" for one in imported.rejected[:SHOWN]]
    more = len(imported.rejected) - SHOWN
    if more > 0:
        lines.append(f"  and {more} more, all in {imported.rejected_file}: mend the file and import it")
    elif imported.rejected:
        lines.append(f"  all of them, to mend and import again: {imported.rejected_file}")
    elif imported.mended and imported.taken:
        lines.append("  every row that was set aside is in now: the file is not needed any more")
    return lines


def _names(names: "Iterable[str]") -> str:
    """Each once, as people list them.

    >>> _names(["bob", "anna", "bob"])
    'anna and bob'
    """
    once = sorted(set(names))
    return once[0] if len(once) == 1 else f"{', '.join(once[:-1])} and {once[-1]}"
