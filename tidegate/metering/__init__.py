"""The meter: what watches regions, the ledger it writes, the metrics it shows, and a pretended region to try it with.

Who pays for what is decided in `tidegate.metering.billing`, which knows no clock, file or network.
"""
