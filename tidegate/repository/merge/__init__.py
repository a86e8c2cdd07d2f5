"""Merge gates on files: reading what a pull request changes, measuring what needs no cluster, and the evidence bundle on disk.

What belongs here: Git, files, clocks. What does not: judging and picking (`tidegate.gates`), and a candidate that runs.
"""
