"""What judges the running regions in `tests/acceptance`, and the tests of it, which need no region."""
