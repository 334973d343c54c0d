"""What lies between the layers of a network: functions by name, and which of them act as layers."""
