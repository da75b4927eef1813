"""Pages and plots out: one self-contained HTML file, and learning curves as PNG or SVG."""

from askance.report.data import PickedImage, ReportData, RoundRow

__all__ = ["PickedImage", "ReportData", "RoundRow"]
