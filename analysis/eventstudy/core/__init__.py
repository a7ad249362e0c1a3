"""Arrays that every room of the engine reads: panels, fitted events, threads."""
