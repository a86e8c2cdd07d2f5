"""A tenant's namespace: quotas, accounts, priorities, approved models and what is watched."""
