"""Who labelled a project, as its report shows it."""

from askance.loop.project import Project
from askance.report.data import Crew
from askance.session.people import people


def crew_of(project: Project) -> Crew:
    """Each person's labels, agreement, differences to be settled, and labels that were changed."""
    found = people(project)
    return Crew(
        persons={one.who: (one.labels, one.beside) for one in found.people},
        pairs=[(pair.a, pair.b, pair.n, pair.agreement, pair.kappa) for pair in found.pairs],
        alpha=found.alpha,
        shared=found.shared,
        settled=found.settled,
        disagreements=[(one.name, one.words) for one in found.disagreements],
        changes=[(one.name, one.before, one.after, one.whose, one.who) for one in found.changes],
    )
