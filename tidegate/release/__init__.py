"""Governed releases: decides which revision gets which share of the users.

What belongs here: deciding. What does not: reading and writing a cluster, which is the release controller's.
"""
