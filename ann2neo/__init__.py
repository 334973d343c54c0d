"""Spike trains of artificial neural networks, for Neo, Elephant and NWB.

Everything here is loaded when it is first asked for: importing the package imports nothing heavy.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ann2neo.exchange.change_points import change_point_test as change_point_test
    from ann2neo.exchange.elephant import elephant_poisson as elephant_poisson
    from ann2neo.exchange.elephant import elephant_surrogates as elephant_surrogates
    from ann2neo.exchange.formats import read_spikes as read_spikes
    from ann2neo.exchange.formats import write_spikes as write_spikes
    from ann2neo.exchange.neo import from_block as from_block
    from ann2neo.exchange.neo import to_block as to_block
    from ann2neo.exchange.neo import to_spiketrains as to_spiketrains
    from ann2neo.exchange.nix import read_nix as read_nix
    from ann2neo.exchange.nix import write_nix as write_nix
    from ann2neo.exchange.nwb import read_nwb as read_nwb
    from ann2neo.exchange.nwb import read_nwb_block as read_nwb_block
    from ann2neo.exchange.nwb import write_nwb as write_nwb
    from ann2neo.exchange.pynapple import from_pynapple as from_pynapple
    from ann2neo.exchange.pynapple import to_pynapple as to_pynapple
    from ann2neo.exchange.spikeinterface import from_spikeinterface as from_spikeinterface
    from ann2neo.exchange.spikeinterface import to_spikeinterface as to_spikeinterface
    from ann2neo.exchange.xarray import from_xarray as from_xarray
    from ann2neo.exchange.xarray import read_netcdf as read_netcdf
    from ann2neo.exchange.xarray import to_xarray as to_xarray
    from ann2neo.exchange.xarray import write_netcdf as write_netcdf
    from ann2neo.recording.activation_files import open_activations as open_activations
    from ann2neo.recording.record import record as record
    from ann2neo.significance.assumptions import poisson_assumptions as poisson_assumptions
    from ann2neo.significance.combine import adjust_pvalues as adjust_pvalues
    from ann2neo.significance.combine import combine_pvalues as combine_pvalues
    from ann2neo.significance.fano_test import fano_test as fano_test
    from ann2neo.significance.independence import ljung_box_test as ljung_box_test
    from ann2neo.significance.independence import runs_test as runs_test
    from ann2neo.significance.label_permutation import (
        mutual_information_test as mutual_information_test,
    )
    from ann2neo.significance.poisson_fit import fit_poisson as fit_poisson
    from ann2neo.significance.result import TestResult as TestResult
    from ann2neo.significance.similarity import ks_test as ks_test
    from ann2neo.significance.stationarity import adf_test as adf_test
    from ann2neo.significance.surrogate_test import surrogate_test as surrogate_test
    from ann2neo.significance.surrogates import surrogates as surrogates
    from ann2neo.spikes.as_raster import as_raster as as_raster
    from ann2neo.spikes.concat import concat as concat
    from ann2neo.spikes.raster import SpikeRaster as SpikeRaster
    from ann2neo.statistics.autocorrelation import Autocorrelation as Autocorrelation
    from ann2neo.statistics.autocorrelation import autocorrelation as autocorrelation
    from ann2neo.statistics.correlation import Correlation as Correlation
    from ann2neo.statistics.correlation import correlation as correlation
    from ann2neo.statistics.fano import FanoFactor as FanoFactor
    from ann2neo.statistics.fano import fanofactor as fanofactor
    from ann2neo.statistics.flips import flip_rate as flip_rate
    from ann2neo.statistics.flips import overfitting_indicator as overfitting_indicator
    from ann2neo.statistics.flips import pattern_distance as pattern_distance
    from ann2neo.statistics.flips import spike_jaccard as spike_jaccard
    from ann2neo.statistics.instantaneous_rate import instantaneous_rate as instantaneous_rate
    from ann2neo.statistics.intervals import Intervals as Intervals
    from ann2neo.statistics.intervals import cv as cv
    from ann2neo.statistics.intervals import cv2 as cv2
    from ann2neo.statistics.intervals import isi as isi
    from ann2neo.statistics.intervals import lv as lv
    from ann2neo.statistics.intervals import lvr as lvr
    from ann2neo.statistics.pattern_counts import PatternCounts as PatternCounts
    from ann2neo.statistics.pattern_counts import pattern_counts as pattern_counts
    from ann2neo.statistics.pattern_entropy import conditional_entropy as conditional_entropy
    from ann2neo.statistics.pattern_entropy import is_saturated as is_saturated
    from ann2neo.statistics.pattern_entropy import mutual_information as mutual_information
    from ann2neo.statistics.pattern_entropy import pattern_coverage as pattern_coverage
    from ann2neo.statistics.pattern_entropy import pattern_entropy as pattern_entropy
    from ann2neo.statistics.pattern_histogram import PatternHistogram as PatternHistogram
    from ann2neo.statistics.pattern_sets import jaccard as jaccard
    from ann2neo.statistics.pattern_sets import n_patterns as n_patterns
    from ann2neo.statistics.pattern_sets import pattern_turnover as pattern_turnover
    from ann2neo.statistics.pattern_sets import top_pattern_share as top_pattern_share
    from ann2neo.statistics.pattern_sets import weighted_jaccard as weighted_jaccard
    from ann2neo.statistics.patterns import compare_patterns as compare_patterns
    from ann2neo.statistics.patterns import summarize_patterns as summarize_patterns
    from ann2neo.statistics.rates import FiringRate as FiringRate
    from ann2neo.statistics.rates import firing_rate as firing_rate
    from ann2neo.statistics.rates import mean_firing_rate as mean_firing_rate
    from ann2neo.statistics.summary import summarize as summarize
    from ann2neo.statistics.windows import spike_counts as spike_counts

_HOMES = {
    "concat": "ann2neo.spikes.concat",
    "SpikeRaster": "ann2neo.spikes.raster",
    "as_raster": "ann2neo.spikes.as_raster",
    "record": "ann2neo.recording.record",
    "change_point_test": "ann2neo.exchange.change_points",
    "elephant_poisson": "ann2neo.exchange.elephant",
    "elephant_surrogates": "ann2neo.exchange.elephant",
    "read_spikes": "ann2neo.exchange.formats",
    "write_spikes": "ann2neo.exchange.formats",
    "open_activations": "ann2neo.recording.activation_files",
    "from_block": "ann2neo.exchange.neo",
    "to_block": "ann2neo.exchange.neo",
    "to_spiketrains": "ann2neo.exchange.neo",
    "from_pynapple": "ann2neo.exchange.pynapple",
    "to_pynapple": "ann2neo.exchange.pynapple",
    "from_spikeinterface": "ann2neo.exchange.spikeinterface",
    "to_spikeinterface": "ann2neo.exchange.spikeinterface",
    "from_xarray": "ann2neo.exchange.xarray",
    "read_netcdf": "ann2neo.exchange.xarray",
    "to_xarray": "ann2neo.exchange.xarray",
    "write_netcdf": "ann2neo.exchange.xarray",
    "read_nix": "ann2neo.exchange.nix",
    "write_nix": "ann2neo.exchange.nix",
    "read_nwb": "ann2neo.exchange.nwb",
    "read_nwb_block": "ann2neo.exchange.nwb",
    "write_nwb": "ann2neo.exchange.nwb",
    "Autocorrelation": "ann2neo.statistics.autocorrelation",
    "autocorrelation": "ann2neo.statistics.autocorrelation",
    "Correlation": "ann2neo.statistics.correlation",
    "correlation": "ann2neo.statistics.correlation",
    "FanoFactor": "ann2neo.statistics.fano",
    "fanofactor": "ann2neo.statistics.fano",
    "flip_rate": "ann2neo.statistics.flips",
    "overfitting_indicator": "ann2neo.statistics.flips",
    "pattern_distance": "ann2neo.statistics.flips",
    "spike_jaccard": "ann2neo.statistics.flips",
    "instantaneous_rate": "ann2neo.statistics.instantaneous_rate",
    "Intervals": "ann2neo.statistics.intervals",
    "cv": "ann2neo.statistics.intervals",
    "cv2": "ann2neo.statistics.intervals",
    "isi": "ann2neo.statistics.intervals",
    "lv": "ann2neo.statistics.intervals",
    "lvr": "ann2neo.statistics.intervals",
    "PatternCounts": "ann2neo.statistics.pattern_counts",
    "pattern_counts": "ann2neo.statistics.pattern_counts",
    "conditional_entropy": "ann2neo.statistics.pattern_entropy",
    "is_saturated": "ann2neo.statistics.pattern_entropy",
    "mutual_information": "ann2neo.statistics.pattern_entropy",
    "pattern_coverage": "ann2neo.statistics.pattern_entropy",
    "pattern_entropy": "ann2neo.statistics.pattern_entropy",
    "PatternHistogram": "ann2neo.statistics.pattern_histogram",
    "jaccard": "ann2neo.statistics.pattern_sets",
    "n_patterns": "ann2neo.statistics.pattern_sets",
    "pattern_turnover": "ann2neo.statistics.pattern_sets",
    "top_pattern_share": "ann2neo.statistics.pattern_sets",
    "weighted_jaccard": "ann2neo.statistics.pattern_sets",
    "compare_patterns": "ann2neo.statistics.patterns",
    "summarize_patterns": "ann2neo.statistics.patterns",
    "FiringRate": "ann2neo.statistics.rates",
    "firing_rate": "ann2neo.statistics.rates",
    "mean_firing_rate": "ann2neo.statistics.rates",
    "summarize": "ann2neo.statistics.summary",
    "spike_counts": "ann2neo.statistics.windows",
    "poisson_assumptions": "ann2neo.significance.assumptions",
    "adjust_pvalues": "ann2neo.significance.combine",
    "combine_pvalues": "ann2neo.significance.combine",
    "fano_test": "ann2neo.significance.fano_test",
    "ljung_box_test": "ann2neo.significance.independence",
    "runs_test": "ann2neo.significance.independence",
    "mutual_information_test": "ann2neo.significance.label_permutation",
    "fit_poisson": "ann2neo.significance.poisson_fit",
    "TestResult": "ann2neo.significance.result",
    "ks_test": "ann2neo.significance.similarity",
    "adf_test": "ann2neo.significance.stationarity",
    "surrogate_test": "ann2neo.significance.surrogate_test",
    "surrogates": "ann2neo.significance.surrogates",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = importlib.metadata.version("ann2neo")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'ann2neo' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
