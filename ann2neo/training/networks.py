"""The builders of `ann2neo.networks`, handed on: what trains per network builds one first."""

from ann2neo.networks.builders import NETWORKS as NETWORKS
from ann2neo.networks.builders import build as build
