"""Two recordings, or two sets of networks, against each other by an indicator of their units."""
