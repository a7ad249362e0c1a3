"""Downloads, likes, models and providers from Hugging Face."""

from analysis.loaders.huggingface.artefacts import HuggingfaceArtefacts
from analysis.loaders.huggingface.downloads import Huggingface

__all__ = ["Huggingface", "HuggingfaceArtefacts"]
