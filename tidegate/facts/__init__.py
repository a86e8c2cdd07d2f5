"""The domain model: clusters, tenants and served models as typed, immutable facts.

What belongs here: pydantic models, the rules that hold inside one fact and between facts, names and prices.
What does not: files, clock, network, environment or any import above `tidegate.errors`. Whatever arrives here as
text leaves as types; past this package no dict travels.
"""
