"""Callbacks that let a monitor look at a network: one per framework, all of the same steps."""
