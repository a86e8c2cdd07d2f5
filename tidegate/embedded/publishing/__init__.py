"""Publishes workload images: to an image registry, with what is in them, and as a signed list of digests.

What belongs here: what a pipeline does with images that are built. What does not: how they are built (`tidegate.embedded.images`), and what
a cluster makes of the list (`policies/require-catalogued-image`).
"""
