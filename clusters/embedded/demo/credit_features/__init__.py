"""The feature transformer of the example tenant `credit`."""
