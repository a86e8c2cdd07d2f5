"""MLServer as it is started for one model."""
