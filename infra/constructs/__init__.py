"""The pieces that more than one stack is built from. A piece with one caller belongs into that stack's module."""
