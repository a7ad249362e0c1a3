"""Charts and tables: results in, plotly figures and HTML tables out.

Frames of pandas come in, with decimal returns; nothing here reads a file, asks a clock or
knows where the numbers came from. Names and titles are never trusted: they are escaped.
"""

from __future__ import annotations

from analysis.charts.abnormal_returns import abnormal_by_security
from analysis.charts.caar_paths import caar_paths
from analysis.charts.chart import CHART_MIME, PLOTLY_MIME, Chart
from analysis.charts.heatmap import day_heatmap
from analysis.charts.moves import largest_moves
from analysis.charts.table import Table
from analysis.charts.tables import event_table, security_table, skipped_table
from analysis.charts.tests_table import test_table
from analysis.charts.theme import CONFIG, ROLES, THEMES
from analysis.charts.timeline import session_timeline

__all__ = [
    "CHART_MIME",
    "CONFIG",
    "PLOTLY_MIME",
    "ROLES",
    "THEMES",
    "Chart",
    "Table",
    "abnormal_by_security",
    "caar_paths",
    "day_heatmap",
    "event_table",
    "largest_moves",
    "security_table",
    "session_timeline",
    "skipped_table",
    "test_table",
]
