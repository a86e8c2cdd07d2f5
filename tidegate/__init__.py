"""Tidegate: provision, render, validate and run multi-tenant model serving on Kubernetes.

What belongs here: one package per thing (decision 0036) and the command line that ties the repository's
trees together. What does not: cloud resources (`infra/`) and Kubernetes objects (`clusters/`),
which are programs this package starts, never imports.
"""

__version__ = "0.1.0"
