"""Programs of the embedded platform, compiled from pinned Go modules, and what else is read from these modules.

What is built is written in clusters/embedded/builds. Everything is kept in a cache by what it was made of.
"""
