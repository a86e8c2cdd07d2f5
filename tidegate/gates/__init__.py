"""Merge gates: what a verdict is, and how measurements are judged.

What belongs here: pure judging, the same for every gate. What does not: measuring, files, clocks, processes; what is about load only is in
`loadtests`.
"""
