"""The models that the tenants of the embedded region serve: trained here from generated data, never from anybody's.

What belongs here: the data each model learns from, how it is fitted, and the layout of the model registry. Everything
runs as `python -m clusters.embedded.demo.training.train` in an environment of its own (locks/models.txt), whose numerical packages
are those of the model servers. What does not belong: servers (clusters/workloads) and uploading
(`tidegate.embedded.example_models`).

Bytes are the same for the same seed and lock: one thread, no clock, and every learnt number is rounded before it is
written, because processors differ in the last bits of exp and log.
"""
