"""Machines in namespaces of this computer: how one is made, started, limited and taken away, whatever runs in it."""
