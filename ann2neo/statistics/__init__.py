"""SpikeRaster → one value per unit.

A statistic that can be computed stretch by stretch has an accumulator: `update` takes the next chunk of
samples, `merge` another accumulator of the samples right behind, `result` says what the plain function
would for the whole. The plain function feeds one once. However a recording is cut, the answer is the
same to the last bit, since what is added up is whole numbers.
"""
