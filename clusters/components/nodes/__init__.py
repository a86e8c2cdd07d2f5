"""Pools of nodes, how cards are shared, and images that nodes have before a pod needs them."""
