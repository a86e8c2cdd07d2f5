"""What the embedded regions are made of; data, but for the programs of their machines and the example tenants."""
