"""From what was seen of a region to who pays for it: pure, exact and the same for the same events.

`events` are what a meter sees, `roster` keeps who lived when, `allotment` divides node-time, `entries` are the lines of a
ledger, `bill` puts prices to them. No clock, no file and no network here; those are in `tidegate.metering`.
"""
