"""Brings the cloud stacks up and down, and never guesses what is there.

What belongs here: synthesising the stacks, reading Terraform's state, judging whether it can be trusted, adopting what a
killed run left, running `cdktf deploy` per stack, and comparing what state says with what the account lists. What does not:
which resources exist (`infra/`), and Kubernetes objects (`clusters/`).
"""
