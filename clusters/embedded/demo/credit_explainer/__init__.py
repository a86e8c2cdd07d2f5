"""The explainer of the example tenant `credit`."""
