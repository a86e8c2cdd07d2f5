"""Asks served models, over HTTP as their callers do, what gates judge; and reads what they are asked.

What belongs here: reading golden sets, batches of requests, connections, counting what has no answer. What does not: judging
(`tidegate.gates`), and where the embedded regions answer (`tidegate.embedded`).
"""
