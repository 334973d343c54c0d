"""What is done to a trained network: units are removed."""
