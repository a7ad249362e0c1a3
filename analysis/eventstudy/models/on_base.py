"""What models on another model share: they read what that one reads."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from analysis.errors import InputError
from analysis.eventstudy.models.linear import MarketModel, Model, PreparedModel, Readable
from analysis.eventstudy.models.peers import Reads

if TYPE_CHECKING:
    from typing import Self

    import pandas as pd


@dataclass(frozen=True)
class OnBase:
    """A model that fits another one, its base, and changes what comes out.

    Parameters
    ----------
    base : Model
        Says which factors a security needs.
    """

    base: Model = field(default_factory=MarketModel)

    def __post_init__(self) -> None:
        if isinstance(self.base, type) or not hasattr(self.base, "fit"):
            raise InputError(
                f"The base of {type(self).__name__} must be a normal-return model such as "
                f"MarketModel(), not {self.base!r}."
            )

    @property
    def k(self) -> int:
        """Parameters of the normal return."""
        return self.base.k

    @property
    def rf(self) -> str | None:
        """As the base."""
        return self.base.rf

    @property
    def parameters(self) -> tuple[str, ...]:
        """As the base."""
        return self.base.parameters

    def reads(self) -> Reads:
        """As the base."""
        return self.base.reads() if isinstance(self.base, Readable) else Reads()

    def needs(self, security: Hashable) -> tuple[str, ...] | None:
        """As the base."""
        return self.base.needs(security)

    def prepare(
        self, returns: pd.DataFrame, events: pd.DataFrame, factors: pd.DataFrame | None
    ) -> tuple[Self, pd.DataFrame | None]:
        """Let the base make its columns."""
        if not isinstance(self.base, PreparedModel):
            return self, factors
        base, factors = self.base.prepare(returns, events, factors)
        return replace(self, base=base), factors
