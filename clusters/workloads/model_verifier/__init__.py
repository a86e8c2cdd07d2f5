"""The init container that fetches a model and verifies it."""
