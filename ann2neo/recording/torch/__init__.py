"""Torch networks: any `torch.nn.Module`."""
