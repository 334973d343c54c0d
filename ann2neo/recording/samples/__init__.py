"""The samples of a recording: batches, their order, inputs, labels, and how they are shown."""
