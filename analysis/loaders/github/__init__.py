"""Stars, repositories and releases from GitHub."""
