"""Network → SpikeRaster: adapters yield activations batch by batch, `record` thresholds and packs them."""
