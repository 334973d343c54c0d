"""SpikeRaster ↔ the formats of the neuroscience ecosystem."""
