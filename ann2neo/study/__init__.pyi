"""The public names of studies."""

from .analysis.hypotheses import hypotheses as hypotheses
from .analysis.paper_tables import tables as tables
from .cells.result_tables import Results as Results
from .cells.run import run as run
from .config.builtin import builtin_studies as builtin_studies
from .config.study import Study as Study
from .figures.paper_figures import figures as figures
from .report.page import report as report
