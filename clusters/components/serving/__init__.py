"""A served model and what runs it: runtimes, dense pools and their images."""
