"""The public names of monitoring."""

from .activity_monitor import ActivityMonitor as ActivityMonitor
from .batch_norm import batch_norm_statistics as batch_norm_statistics
from .callbacks import MemorizationAlarm as MemorizationAlarm
from .callbacks import RateDropWarning as RateDropWarning
from .callbacks import SpikeMonitor as SpikeMonitor
from .memorization import RateDrop as RateDrop
from .monitor_callback import MonitorCallback as MonitorCallback
from .pattern_monitor import PatternMonitor as PatternMonitor
from .schedules import log_spaced as log_spaced
from .snapshots import Snapshots as Snapshots
