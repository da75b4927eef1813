"""Pages and plots out: one self-contained HTML file, and learning curves as PNG or SVG."""

from askance.report.data import DoubtedLabel, NearImage, PickedImage, ReportData, RoundRow
from askance.report.page import refuse_other_files, write_new_report, write_report
from askance.report.plot import plot_curves

__all__ = [
    "DoubtedLabel",
    "NearImage",
    "PickedImage",
    "ReportData",
    "RoundRow",
    "plot_curves",
    "refuse_other_files",
    "write_new_report",
    "write_report",
]
