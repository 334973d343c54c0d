"""The public names of activation patterns."""

from .classes import class_separation as class_separation
from .classes import unit_information as unit_information
from .counts import PatternCounts as PatternCounts
from .counts import pattern_counts as pattern_counts
from .entropy import conditional_entropy as conditional_entropy
from .entropy import mutual_information as mutual_information
from .entropy import pattern_coverage as pattern_coverage
from .entropy import pattern_entropy as pattern_entropy
from .flips import flip_rate as flip_rate
from .flips import overfitting_underfitting_indicator as overfitting_underfitting_indicator
from .flips import pattern_distance as pattern_distance
from .flips import spike_jaccard as spike_jaccard
from .histogram import PatternHistogram as PatternHistogram
from .saturation import is_saturated as is_saturated
from .sets import PatternTurnover as PatternTurnover
from .sets import jaccard as jaccard
from .sets import n_patterns as n_patterns
from .sets import pattern_turnover as pattern_turnover
from .sets import top_pattern_fraction as top_pattern_fraction
from .sets import weighted_jaccard as weighted_jaccard
from .tables import compare_patterns as compare_patterns
from .tables import summarize_patterns as summarize_patterns

__all__: list[str]
