"""Gateways, routes, the mesh and who may reach whom."""
