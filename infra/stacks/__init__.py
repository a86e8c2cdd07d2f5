"""One module per stack: one state file, one blast radius, one `build` function.

Each module opens with what belongs there, what does not, and the decision that drew the line.
"""
