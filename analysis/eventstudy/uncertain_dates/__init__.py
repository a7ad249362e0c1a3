"""Event studies of events whose date is not known for sure."""
