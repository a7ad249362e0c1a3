"""Token usage and model prices from OpenRouter."""
