"""What every cluster runs, as typed Kubernetes objects rendered to files (`python -m clusters.program render`).

What belongs here: components (one logical thing each), the typed dictionaries they fill and the program that writes
them. What does not: facts (`inventory/<cluster>/cluster.yaml`, read by `tidegate.facts.inventory`), names
(`tidegate.facts.names`), how files are written and judged (`tidegate.manifests`) and anything that Terraform owns.
"""
