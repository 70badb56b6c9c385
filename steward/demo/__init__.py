"""A company with many customers and two years of life, for the sandboxes."""
