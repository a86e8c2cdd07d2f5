"""Argo CD objects: who may deliver what to where. Knows components and add-ons; neither knows it."""
