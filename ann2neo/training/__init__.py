"""What a network went through before it was recorded: data, networks, conditions, training.

Loaded when first asked for, as `ann2neo` itself:

>>> from ann2neo import training
>>> training.GENERALIZING.stop.epochs
50
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ann2neo.training.batch_averages import averages_of as averages_of
    from ann2neo.training.callbacks import MemorizationWarning as MemorizationWarning
    from ann2neo.training.callbacks import RateDropWarning as RateDropWarning
    from ann2neo.training.callbacks import SpikeMonitor as SpikeMonitor
    from ann2neo.training.conditions import CONDITIONS as CONDITIONS
    from ann2neo.training.conditions import GENERALIZING as GENERALIZING
    from ann2neo.training.conditions import MEM_RANDOM_LAST as MEM_RANDOM_LAST
    from ann2neo.training.conditions import MEM_RETRAIN_ALL as MEM_RETRAIN_ALL
    from ann2neo.training.conditions import MEM_RETRAIN_LAST as MEM_RETRAIN_LAST
    from ann2neo.training.conditions import RANDOM as RANDOM
    from ann2neo.training.conditions import Condition as Condition
    from ann2neo.training.conditions import Stop as Stop
    from ann2neo.training.datasets import Dataset as Dataset
    from ann2neo.training.datasets import as_dataset as as_dataset
    from ann2neo.training.datasets import load as load
    from ann2neo.training.datasets import random_labels as random_labels
    from ann2neo.training.entropy_regularizer import (
        PatternEntropyRegularizer as PatternEntropyRegularizer,
    )
    from ann2neo.training.learning_rates import OneCycleRate as OneCycleRate
    from ann2neo.training.learning_rates import TriangularRate as TriangularRate
    from ann2neo.training.memorization import RateDrop as RateDrop
    from ann2neo.training.monitor import ActivityMonitor as ActivityMonitor
    from ann2neo.training.monitor_callback import MonitorCallback as MonitorCallback
    from ann2neo.training.networks import NETWORKS as NETWORKS
    from ann2neo.training.networks import build as build
    from ann2neo.training.passes import DivergedError as DivergedError
    from ann2neo.training.pattern_monitor import PatternMonitor as PatternMonitor
    from ann2neo.training.snapshots import Snapshots as Snapshots
    from ann2neo.training.trained import Trained as Trained
    from ann2neo.training.trained import train as train
    from ann2neo.training.trained import train_conditions as train_conditions

_HOMES = {
    "averages_of": "batch_averages",
    "MemorizationWarning": "callbacks",
    "RateDropWarning": "callbacks",
    "SpikeMonitor": "callbacks",
    "RateDrop": "memorization",
    "ActivityMonitor": "monitor",
    "MonitorCallback": "monitor_callback",
    "PatternMonitor": "pattern_monitor",
    "Snapshots": "snapshots",
    "PatternEntropyRegularizer": "entropy_regularizer",
    "OneCycleRate": "learning_rates",
    "TriangularRate": "learning_rates",
    "log_spaced": "schedules",
    "CONDITIONS": "conditions",
    "GENERALIZING": "conditions",
    "MEM_RANDOM_LAST": "conditions",
    "MEM_RETRAIN_ALL": "conditions",
    "MEM_RETRAIN_LAST": "conditions",
    "RANDOM": "conditions",
    "Condition": "conditions",
    "Stop": "conditions",
    "Dataset": "datasets",
    "as_dataset": "datasets",
    "load": "datasets",
    "random_labels": "datasets",
    "NETWORKS": "networks",
    "build": "networks",
    "DivergedError": "passes",
    "Trained": "trained",
    "train": "trained",
    "train_conditions": "trained",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ann2neo.training' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"ann2neo.training.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
