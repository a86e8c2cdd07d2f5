"""The load gate: open-loop load by Locust, and what it proves about a served model's limits.

Rates, durations and limits come from the tenant's facts; nothing here holds one. `shapes`, `plan`, `recording` and `gates` are pure, and
everything else runs in Locust's process, which replaces Python's sockets (decision 0048). `run` starts that process.
"""
