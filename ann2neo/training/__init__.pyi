"""The public names of training."""

from .conditions import CONDITIONS as CONDITIONS
from .conditions import GENERALIZING as GENERALIZING
from .conditions import MEM_RANDOM_LAST as MEM_RANDOM_LAST
from .conditions import MEM_RETRAIN_ALL as MEM_RETRAIN_ALL
from .conditions import MEM_RETRAIN_LAST as MEM_RETRAIN_LAST
from .conditions import RANDOM as RANDOM
from .conditions import Condition as Condition
from .conditions import StoppingRule as StoppingRule
from .datasets import Dataset as Dataset
from .datasets import as_dataset as as_dataset
from .datasets import load as load
from .datasets import noisy_labels as noisy_labels
from .datasets import random_labels as random_labels
from .entropy_regularizer import PatternEntropyRegularizer as PatternEntropyRegularizer
from .learning_rates import OneCycleRate as OneCycleRate
from .learning_rates import TriangularRate as TriangularRate
from .networks import NETWORKS as NETWORKS
from .networks import build as build
from .surgery.remove import remove_units as remove_units
from .surgery.torch_chain import mask_units as mask_units
from .training_loop import DivergedError as DivergedError
from .training_run import Trained as Trained
from .training_run import train as train
from .training_run import train_conditions as train_conditions
