"""The environment matrix: commands in environments that lack something, or hold something odd. Cases are data; `start` runs one for real."""
