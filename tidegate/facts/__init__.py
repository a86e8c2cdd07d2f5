"""Facts: clusters, tenants and served models as typed, immutable values, with names, ports and prices.

What belongs here: pydantic types, the rules that hold inside one fact and between facts; in `facts.inventory` how files become
facts. What does not: any other file, clock, network or environment, and any import above `tidegate.errors`. Whatever arrives
here as text leaves as types; past this package no dict travels.
"""
