"""The checks of a signed model's files, by the standard library and `cryptography` only.

This folder is also in the image of the model verifier (clusters/workloads/model_verifier), where there is no `tidegate`:
its modules import each other by relative names and raise `Refusal`, nothing of ours.
"""
