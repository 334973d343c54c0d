"""What cannot be imported without an extra is left out of the collection where it is not installed."""

import importlib.util

NEEDED = {
    ("torch",): [
        "ann2neo/recording/torch/*",
        "ann2neo/monitoring/torch_batch_norm.py",
        "ann2neo/training/surgery/torch_chain.py",
        "tests/recording/torch_models.py",
        "tests/zoo/torch_networks.py",
    ],
    ("lightning", "pytorch_lightning"): ["ann2neo/monitoring/callbacks/lightning_callback.py"],
    ("transformers",): ["ann2neo/monitoring/callbacks/transformers_callback.py"],
}
MISSING = [names for names in NEEDED if not any(map(importlib.util.find_spec, names))]

collect_ignore_glob = [pattern for names in MISSING for pattern in NEEDED[names]]


def pytest_report_header():
    """Nothing is left out in silence."""
    return [f"not installed: {names[0]}; left out: {', '.join(NEEDED[names])}" for names in MISSING]
