"""What only shows when the facts of one tenant are seen together: room in its quota, and anti-patterns."""
