"""Releases: decides which revision gets which share of the users. Pure but for what the controller hands in."""
