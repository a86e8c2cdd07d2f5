"""What only shows when several facts are seen together: pools that can host a model, room in a quota, and anti-patterns."""
