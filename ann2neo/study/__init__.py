"""Grids of networks, data sets, training conditions and seeds: run, tabulated, drawn, reported."""

# Now, not when asked for: a function called as its module has to take the module's name here, once.
from ann2neo.study.config import Study as Study
from ann2neo.study.figures import figures as figures
from ann2neo.study.hypotheses import hypotheses as hypotheses
from ann2neo.study.report import report as report
from ann2neo.study.results import Results as Results
from ann2neo.study.run import run as run
from ann2neo.study.shipped import shipped as shipped
from ann2neo.study.tables import tables as tables

__all__ = ["Results", "Study", "figures", "hypotheses", "report", "run", "shipped", "tables"]
