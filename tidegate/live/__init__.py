"""Reading a running cluster: its API server, the objects that matter, why something is not ready. Knows nothing of how the cluster was made."""
