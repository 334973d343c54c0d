from . import patterns as patterns
