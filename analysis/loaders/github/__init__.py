"""Stars, repositories and releases from GitHub."""

from analysis.loaders.github.artefacts import GithubArtefacts
from analysis.loaders.github.release_mentions import GithubReleaseMentions
from analysis.loaders.github.usage import Github

__all__ = ["Github", "GithubArtefacts", "GithubReleaseMentions"]
