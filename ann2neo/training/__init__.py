"""What a network went through before it was recorded: data, conditions, training.

Loaded when first asked for, as `ann2neo` itself:

>>> from ann2neo import training
>>> training.GENERALIZING.stop.epochs
50
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
