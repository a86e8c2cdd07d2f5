"""A month of one region: machines from simulated days, everything else from planned quantities, beside a reference.

Not here: bills of what was metered (`tidegate.metering.costs`).
"""
