"""The methods of `surrogates`: each one object that draws, and says of what null hypothesis."""
