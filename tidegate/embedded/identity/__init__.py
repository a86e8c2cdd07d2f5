"""Certificates, keys and tokens that the embedded platform makes for itself."""
