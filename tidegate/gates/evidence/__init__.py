"""The evidence of a change: what is kept of its gates, so that anybody can judge it again.

What belongs here: the manifest, and documents made of it for people and for CI. What does not: files, signatures and clocks
(`tidegate.repository.merge`).
"""
