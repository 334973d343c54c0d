"""Neo's Blocks, Segments and SpikeTrains."""
