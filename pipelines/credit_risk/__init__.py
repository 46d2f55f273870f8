"""Credit applications: approve or decline."""
