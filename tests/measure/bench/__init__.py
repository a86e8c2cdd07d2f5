"""Compares Tidegate with what one would use instead, two at a time in one run, so that a slow minute hits both."""
