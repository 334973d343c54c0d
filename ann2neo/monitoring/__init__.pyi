"""The public names of monitoring."""

from .activity_monitor import ActivityMonitor as ActivityMonitor
from .alarms import MemorizationAlarm as MemorizationAlarm
from .alarms import RateDropWarning as RateDropWarning
from .batch_norm import batch_norm_statistics as batch_norm_statistics
from .callbacks.keras_callback import MonitorCallback as MonitorCallback
from .patterns.pattern_monitor import PatternMonitor as PatternMonitor
from .patterns.snapshots import Snapshots as Snapshots
from .rate_drop import RateDrop as RateDrop
from .schedules import log_spaced as log_spaced
