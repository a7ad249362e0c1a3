"""Who may be a donor: every column of returns that the shock has not touched.

What the counterfactual models share: the choice of the donors before a study begins, their
returns as columns of factors, and the fit of a block.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from analysis.errors import InputError, unknown_name
from analysis.eventstudy.core.panel import Block
from analysis.eventstudy.counterfactual.fitting import fit_block
from analysis.eventstudy.counterfactual.matching import CounterfactualFit
from analysis.eventstudy.models.least_squares import Fit

if TYPE_CHECKING:
    import pandas as pd

    from analysis.eventstudy.counterfactual.matching import CounterfactualModel

# Fewest donors of a mixture.
LEAST = 2

Self = TypeVar("Self", bound="DonorModel")


@dataclass(frozen=True, kw_only=True)
class DonorModel:
    """What the counterfactual models share; not a model by itself.

    Parameters
    ----------
    donors : sequence of names, optional
        Columns of ``returns``; by default all of them, without the securities that have an
        event in the study.
    leave_out : sequence of names
        Columns of ``returns`` that are no donors either.
    pool, columns : tuple
        The donors, and the columns of factors that hold their returns: filled by `prepare`.
    """

    donors: Iterable[Hashable] | None = None
    leave_out: Iterable[Hashable] = ()
    pool: tuple[Hashable, ...] = field(default=(), repr=False)
    columns: tuple[str, ...] = field(default=(), repr=False)

    k: ClassVar[int] = 0
    rf: ClassVar[str | None] = None
    extra_names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.donors is not None:
            object.__setattr__(self, "donors", _names(self.donors))
        object.__setattr__(self, "leave_out", _names(self.leave_out))

    @property
    def least(self) -> int:
        """Fewest donors that the model can do with."""
        return LEAST

    @property
    def parameters(self) -> tuple[str, ...]:
        """Columns of the estimates."""
        return ("n_donors", "n_dropped", *self.extra_names, "rmspe", "sigma", "n", "r2")

    def held(self, match: CounterfactualFit) -> CounterfactualModel:  # noqa: ARG002 - those with a parameter use it
        """The same model with its tuning parameter held where a match found it."""
        return self  # type: ignore[return-value]

    def prepare(
        self: Self, returns: pd.DataFrame, events: pd.DataFrame, factors: pd.DataFrame | None
    ) -> tuple[Self, pd.DataFrame]:
        """Choose the donors and lay their returns beside the factors, see `linear.Prepared`.

        Raises
        ------
        InputError
            A name that is not a column of returns, a donor with an event, or too few donors.
        """
        import pandas as pd

        pool = self._choose(returns, set(events["security"]))
        given = factors
        if given is not None:
            # A study made again from a prepared one brings the donors of the former along.
            given = given.drop(columns=[name for name in self.columns if name in given.columns])
        taken = set() if given is None else set(map(str, given.columns))
        columns = tuple(_apart(f"donor {at}: {name}", taken) for at, name in enumerate(pool))
        made = returns[list(pool)].set_axis(list(columns), axis=1)
        if given is not None and len(given.columns):
            made = pd.concat([given, made], axis=1).sort_index()
        return replace(self, pool=pool, columns=columns), made

    def peers(self, returns: pd.DataFrame, events: pd.DataFrame) -> frozenset[Hashable]:
        """Name the donors among the columns of returns."""
        return frozenset(self._choose(returns, set(events["security"])))

    def needs(self, security: Hashable) -> tuple[str, ...]:  # noqa: ARG002 - the model's face
        """Need the donors' returns, the same for every security."""
        return self.columns

    def fit(self, block: Block) -> Fit:
        """Match every event of a block with the donors that are whole on its rows."""
        return fit_block(block, self)  # type: ignore[arg-type]

    def _choose(self, returns: pd.DataFrame, shocked: set[Hashable]) -> tuple[Hashable, ...]:
        known = set(returns.columns)
        for kind, names in (
            ("donor", self.donors or ()),
            ("security in leave_out", self.leave_out),
        ):
            for name in names:
                if name not in known:
                    raise unknown_name(kind, str(name), map(str, returns.columns))
        barred = shocked | set(self.leave_out)
        if self.donors is None:
            pool = _names(name for name in returns.columns if name not in barred)
        else:
            pool = _names(self.donors)
            for name in pool:
                if name in barred:
                    why = "has an event in this study" if name in shocked else "is in leave_out"
                    raise InputError(
                        f"{name!r} cannot be a donor: it {why}; take it out of donors."
                    )
        if len(pool) < self.least:
            raise InputError(
                f"{type(self).__name__} needs at least {self.least} donors, and returns holds "
                f"{len(pool)} that the study leaves untouched; add columns to returns."
            )
        return pool


def _names(names: Iterable[Hashable]) -> tuple[Hashable, ...]:
    # A single name may stand without a list.
    alone = isinstance(names, str) or not isinstance(names, Iterable)
    every = [names] if alone else names
    return tuple(dict.fromkeys(every))


def _apart(name: str, taken: set[str]) -> str:
    """A name that no factor has yet."""
    while name in taken:
        name += "'"
    return name
