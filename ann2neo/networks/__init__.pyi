"""The public names of networks."""

from .builders import NETWORKS as NETWORKS
from .builders import build as build
