"""Pictures of what gates measured: what each shows, as data, and the drawing of it as SVG.

What belongs here: pure drawing, the same bytes for the same data. What does not: what a gate's samples mean, which the gate turns into this data.
"""
