"""How a raster shows itself in a notebook."""
