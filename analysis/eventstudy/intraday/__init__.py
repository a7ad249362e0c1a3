"""Event studies on bars within the day."""
