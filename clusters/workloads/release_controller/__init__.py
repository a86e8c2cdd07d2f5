"""The release controller: sees a model's objects, lets `tidegate.release` decide, and makes the one write that was decided.

What belongs here: watching, writing, the Lease, and what people and Prometheus get to know. What does not: deciding (`tidegate.release`), and how figures,
smoke tests, room, news of the other region and commits are had: those are plugged in (`sources`), and hold every rise where there is none.
"""
