"""From events to fitted events: alignment, chunks, what was skipped and why."""
