"""What one program of this repository hands to another, one type for each, which both import.

What belongs here: what `infra` and `clusters` are given by the library or answer to it, as JSON. What does not: facts that
somebody writes (`tidegate.facts`) and objects that the API server takes (`clusters.objects`).
"""
