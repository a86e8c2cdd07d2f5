"""Gates on a running embedded region: candidates beside the versions that serve, what asks them, and the nightly measurement of the fleet."""
