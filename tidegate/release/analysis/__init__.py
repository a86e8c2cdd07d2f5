"""What the numbers say of a candidate beside stable: bad, good so far, undecided, or not to be judged.

What belongs here: judging alone, from counters and ages that are handed in. What does not: steps, approvals, clocks, files, networks.

`tally` makes counts of what pods' counters say, `evidence` and `sequence` are the statistics, `judge` puts them together
(docs/release-analysis.md, decision 0055).
"""
