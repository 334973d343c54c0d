"""DataLoaders of torch: those in the order of the data set are read, others refused."""

import numpy as np
import pytest

import ann2neo as a2n

torch = pytest.importorskip("torch")
nn = torch.nn


def loaders():
    """DataLoaders of 16 samples in orders that torch draws, or that nobody knows."""
    make, sampling = torch.utils.data.DataLoader, torch.utils.data
    data = torch.eye(16)
    distributed = sampling.distributed.DistributedSampler
    samplers = {
        "SubsetRandomSampler": sampling.SubsetRandomSampler(range(16)),
        "WeightedRandomSampler": sampling.WeightedRandomSampler(torch.ones(16), 16),
        "DistributedSampler": distributed(data, 1, 0),
        "DistributedSampler (2)": distributed(data, 2, 0, shuffle=False),
        "list": list(range(15, -1, -1)),
    }
    found = {name: make(data, 4, sampler=sampler) for name, sampler in samplers.items()}
    drawn = sampling.RandomSampler(data)
    found["RandomSampler"] = make(data, batch_sampler=sampling.BatchSampler(drawn, 4, False))
    whole = sampling.BatchSampler(drawn, 4, False)
    found["RandomSampler (2)"] = make(data, sampler=whole, batch_size=None)
    found["list (2)"] = make(data, batch_sampler=[[1, 0], [3, 2]])
    found["in_order=False"] = make(data, 4)
    found["in_order=False"].in_order = False
    return found


@pytest.mark.parametrize("name", loaders())
def test_data_loaders_in_another_order_are_refused(name):
    loader = loaders()[name]
    model = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Linear(16, 2))
    with pytest.raises(ValueError, match=f"got a DataLoader with a {name.split()[0]}: make one"):
        a2n.record(model, loader)


def test_data_loaders_in_the_order_of_the_data_set():
    model, data = nn.Sequential(nn.Identity(), nn.ReLU(), nn.Linear(16, 2)), torch.eye(16)
    sampling = torch.utils.data

    class Stream(sampling.IterableDataset):
        def __iter__(self):
            return iter(data)

    sequential = sampling.SequentialSampler(data)
    alone = sampling.distributed.DistributedSampler(data, 1, 0, shuffle=False)
    for loader in (
        sampling.DataLoader(data, 4),
        sampling.DataLoader(Stream(), 4),
        sampling.DataLoader(data, 4, sampler=alone),
        sampling.DataLoader(data, batch_sampler=sampling.BatchSampler(sequential, 4, False)),
        iter(sampling.DataLoader(data, 4, sampler=list(range(16)))),
    ):
        np.testing.assert_array_equal(a2n.record(model, loader).to_dense(), np.eye(16, dtype=bool))
