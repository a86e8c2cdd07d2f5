"""The nightly regression: figures of each night, and from which night on one of them is another.

What belongs here: reading lines of the history, judging them, drawing them as text. What does not: measuring a night, files, clocks
(`tidegate.embedded.judging.nightly`). The library that finds the shift is imported by `shift` alone, when it looks.
"""
