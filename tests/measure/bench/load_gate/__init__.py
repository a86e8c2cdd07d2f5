"""Whether the load gate says what is true, against servers on loopback whose latencies are known: `load_gate` of `make bench`."""
