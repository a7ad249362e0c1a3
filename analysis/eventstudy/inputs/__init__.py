"""What the engine accepts, checked before anything is computed."""
