"""A language model small enough for a CPU, with the API of large ones."""
