"""Governed releases: what moves users from one version to the next.

What belongs here: deciding. What does not: reading and writing a cluster, which is the release controller's.
"""
