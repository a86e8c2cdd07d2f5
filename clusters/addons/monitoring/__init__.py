"""Prometheus, what it takes in of each job, and the state of Kubernetes objects as metrics."""
