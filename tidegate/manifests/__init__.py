"""Rendered Kubernetes objects as files: written, read back and judged.

What belongs here: the tree of files (`tree`), YAML that every parser reads alike (`yaml_text`), strict schemas
(`schemas`), the platform's rules about objects (`rules`) and the verdict over a folder (`validate`). What does not: which
objects there are (`clusters`), facts (`tidegate.facts`), starting programs or fetching schemas (`tidegate.repository`).
"""
