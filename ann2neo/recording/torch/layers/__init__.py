"""The layers of a torch network: which have nodes, what stands for what, what they are called."""
