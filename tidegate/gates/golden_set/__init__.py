"""The golden-set gate: labelled rows, asked of a candidate and of the version that serves, and what follows from the answers.

What belongs here: judging alone. Who reads the set and asks is in `tidegate.asking`.
"""
