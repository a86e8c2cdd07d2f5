"""A served model: where it comes from, what runs it, who may call it."""
