"""Runs checkov over what would be applied; every finding is mended, or explained by somebody until a date."""
