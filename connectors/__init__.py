"""One folder for each outside system; found by looking, no shared file to edit."""
