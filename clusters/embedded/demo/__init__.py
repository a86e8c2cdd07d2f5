"""The example tenants: their training code and their own images."""
