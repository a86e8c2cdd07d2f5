"""Whether capacity follows demand: what was seen while the rate rose in steps, and the verdict on it.

What belongs here: samples and pure judging. What does not: sending requests, which `loadtests` does, and looking at a region.
"""
