"""Vault of an embedded region: how it is opened, filled and asked."""
