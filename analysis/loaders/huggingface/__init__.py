"""Downloads, likes, models and providers from Hugging Face."""
