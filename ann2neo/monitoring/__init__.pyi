"""The public names of monitoring."""

from .activity_monitor import ActivityMonitor as ActivityMonitor
from .alarms.base import Rule as Rule
from .alarms.memorization import MemorizationAlarm as MemorizationAlarm
from .alarms.memorization import MemorizationWarning as MemorizationWarning
from .alarms.rate import DyingLayerAlarm as DyingLayerAlarm
from .alarms.rate import DyingLayerWarning as DyingLayerWarning
from .alarms.rate import RateDropAlarm as RateDropAlarm
from .alarms.rate import RateDropWarning as RateDropWarning
from .alarms.rules import LayerDeath as LayerDeath
from .alarms.rules import RateDrop as RateDrop
from .alarms.rules import SeparationDrop as SeparationDrop
from .batch_norm import batch_norm_statistics as batch_norm_statistics
from .callbacks.keras_callback import MonitorCallback as MonitorCallback
from .callbacks.lightning_callback import LightningMonitorCallback as LightningMonitorCallback
from .callbacks.looks import MonitorLike as MonitorLike
from .callbacks.transformers_callback import (
    TransformersMonitorCallback as TransformersMonitorCallback,
)
from .patterns.pattern_monitor import PatternMonitor as PatternMonitor
from .patterns.snapshots import Snapshots as Snapshots
from .schedules import log_spaced as log_spaced
