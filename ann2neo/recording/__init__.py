"""Network → SpikeRaster: adapters yield activations batch by batch, thresholded and packed here."""
