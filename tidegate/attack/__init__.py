"""Tenants attack each other on the running regions, over every data path; what gets through and who refused is a matrix of cells.

Here is what attacks and judges. What refuses is rendered by `clusters.components` and, for the network, made by `clusters/embedded/node`.
"""
