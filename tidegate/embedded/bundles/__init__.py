"""Bundles: everything that a bring-up would build, in one signed file that a team makes once and shares.

Belongs here: what a tree wants, how a bundle is written, fetched, checked and unpacked into the cache. Not here: what a
bundle says of itself (`tidegate.embedded.bundles.facts`), and how any of its pieces is built.
"""
