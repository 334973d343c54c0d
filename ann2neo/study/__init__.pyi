"""The public names of studies."""

from .analysis.hypotheses import Hypothesis as Hypothesis
from .analysis.hypotheses import judge_hypotheses as judge_hypotheses
from .analysis.paper_tables import tabulate as tabulate
from .cells.result_tables import Results as Results
from .cells.run import run as run
from .config.builtin import builtin_studies as builtin_studies
from .config.cell import Cell as Cell
from .config.plan import CellPlan as CellPlan
from .config.process_settings import ProcessSettings as ProcessSettings
from .config.settings import Network as Network
from .config.settings import PatternNetwork as PatternNetwork
from .config.settings import Patterns as Patterns
from .config.settings import Pretraining as Pretraining
from .config.settings import StopRule as StopRule
from .config.settings import Subset as Subset
from .config.settings import Switch as Switch
from .config.settings import Training as Training
from .config.study import Study as Study
from .config.uses_settings import UsesSettings as UsesSettings
from .figures.paper_figures import draw_figures as draw_figures
from .report.page import write_report as write_report
