"""The HTML report: what was found, for those who decide."""
