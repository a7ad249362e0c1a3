"""What one event's note may claim, as numbers: which security leads, what else moved, how sure.

Pure: frames of `frames` in, `Findings` out; `narrative` writes the sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from analysis.reports.frames import LEVEL

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

_POWER = 0.8  # of the smallest move that a study would have detected

Kind = Literal["moved", "other", "group", "neighbour", "confounded", "none", "unmeasured"]


@dataclass(frozen=True)
class Move:
    """One security in one session, and what may be claimed of it.

    Attributes
    ----------
    raw, abnormal : float
        Decimal returns.
    significant : bool
        Whether the abnormal return is, after the adjustment.
    named : bool
        Whether the event names the company.
    confounded : str
        What other news of its own the company had in that session, in a word such as
        ``results``; blank where none is known.
    detectable : float
        Smallest abnormal return that would have been significant in four studies of five,
        (t₀.₉₇₅ + t₀.₈)·se at the study's degrees of freedom, before any adjustment.
    offset : int
        Session relative to day 0.
    """

    ticker: str
    name: str
    role: str
    day: date
    raw: float
    abnormal: float
    p_value: float
    significant: bool
    named: bool
    confounded: str
    detectable: float
    offset: int = 0

    @property
    def expected(self) -> float:
        """What the model expected of the day (decimal)."""
        return self.raw - self.abnormal


@dataclass(frozen=True)
class GroupMove:
    """Average abnormal return of a role's securities, or of all, and their average raw return."""

    group: str
    n: int
    average: float
    raw: float
    p_value: float
    significant: bool


@dataclass(frozen=True)
class Findings:
    """What the note says; ``lead`` is the security of headline and first figure.

    Attributes
    ----------
    kind : str
        ``moved``: a security that the event names moved, and nothing else of its own is known of
        that session. ``neighbour``: none did on day 0, but one in a session beside it that the
        timing leaves open. ``other``: another security moved. ``group``: only averages did.
        ``confounded``: only securities with own news moved. ``none``: nothing did.
        ``unmeasured``: no security has an abnormal return.
    lead : Move or None
        The first that the event names of those of the kind, unless another's move was more than
        twice as large; None where the event names no measured security.
    own, others : tuple of Move
        Securities that the event names, as it names them, and all others.
    groups : tuple of GroupMove
        Roles, the largest average first; ``average`` is of all securities.
    second : Move or None
        Of ``moved``: a larger move of the event's own in a session that the timing leaves open.
        Of ``other``: the largest move.
    """

    kind: Kind
    lead: Move | None
    own: tuple[Move, ...]
    others: tuple[Move, ...]
    groups: tuple[GroupMove, ...]
    average: GroupMove | None
    second: Move | None = None

    @property
    def moves(self) -> tuple[Move, ...]:
        """Every measured security."""
        return (*self.own, *self.others)

    @property
    def significant(self) -> tuple[Move, ...]:
        """Those that moved, the largest first."""
        return tuple(_by_size(move for move in self.moves if move.significant))


def find(
    securities: pd.DataFrame,
    groups: pd.DataFrame,
    average_p: float,
    confounded: Mapping[tuple[str, int], str],
    neighbours: Mapping[int, pd.DataFrame],
) -> Findings:
    """Choose what a note is about.

    Parameters
    ----------
    securities : pandas.DataFrame
        See `frames.securities_frame`; only counted rows are read.
    groups : pandas.DataFrame
        See `frames.groups_frame`; the rows of window (0, 0) are read.
    average_p : float
        P-value of the average of all securities by the recommended test; NaN where none is.
    confounded : mapping of (str, int) to str
        Ticker and session (relative to day 0) to own news of the company there.
    neighbours : mapping of int to pandas.DataFrame
        Sessions beside day 0 that the timing leaves open (−1, 1), to frames as ``securities``;
        empty where day 0 is sure.
    """
    moves = _moves(securities, confounded)
    # A study of one security is about it, whoever the event names.
    named = tuple(move for move in moves if move.named or len(moves) == 1)
    others = tuple(move for move in moves if move not in named)
    average, roles = _group_moves(groups, average_p, moves)
    if not moves:
        return Findings("unmeasured", None, (), (), (), None)
    beside = _beside(neighbours, confounded)
    kind, lead, second = _choose(named, others, roles, average, beside)
    return Findings(kind, lead, named, others, roles, average, second)


def _choose(
    named: tuple[Move, ...],
    others: tuple[Move, ...],
    roles: tuple[GroupMove, ...],
    average: GroupMove | None,
    beside: Move | None,
) -> tuple[Kind, Move | None, Move | None]:
    """Kind of the headline, its security, and a second move that it must mention."""
    clean = [move for move in named if move.significant and not move.confounded]
    if clean:
        lead = _foremost(clean)
        larger = beside is not None and abs(beside.abnormal) > abs(lead.abnormal)
        return "moved", lead, beside if larger else None
    if beside is not None:
        return "neighbour", beside, None
    calm = next((move for move in named if not move.confounded), named[0] if named else None)
    clean = _by_size(move for move in others if move.significant and not move.confounded)
    if clean:
        return "other", calm, clean[0]
    if (average is not None and average.significant) or any(role.significant for role in roles):
        return "group", calm, None
    busy = _by_size(move for move in (*named, *others) if move.significant)
    if busy:
        return "confounded", busy[0], None
    return "none", calm, None


def _foremost(moves: list[Move]) -> Move:
    """The first that the event names, unless another's move was more than twice as large."""
    most = max(abs(move.abnormal) for move in moves)
    return next(move for move in moves if 2 * abs(move.abnormal) >= most)


def _by_size(moves: Iterable[Move]) -> list[Move]:
    return sorted(moves, key=lambda move: -abs(move.abnormal))


def _moves(
    frame: pd.DataFrame, confounded: Mapping[tuple[str, int], str], offset: int = 0
) -> tuple[Move, ...]:
    """Rows with an abnormal return, in their order (the event's own as the event names them)."""
    return tuple(
        Move(
            ticker=str(row["security"]),
            name=company(str(row["name"]), str(row["security"])),
            role=str(row["role"]),
            day=row["day0"].date(),
            raw=float(row["raw"]),
            abnormal=float(row["abnormal"]),
            p_value=float(row["p_adjusted"]),
            significant=bool(row["significant"]),
            named=bool(row["named"]),
            confounded=confounded.get((str(row["security"]), offset), ""),
            detectable=_detectable(float(row["se"]), float(row["df"])),
            offset=offset,
        )
        for row in frame[frame["abnormal"].notna() & frame["counted"]].to_dict("records")
    )


def _detectable(se: float, df: float) -> float:
    from scipy.special import ndtri, stdtrit

    if df > 0:
        return float((stdtrit(df, 1 - LEVEL / 2) + stdtrit(df, _POWER)) * se)
    return float((ndtri(1 - LEVEL / 2) + ndtri(_POWER)) * se)


def _beside(
    neighbours: Mapping[int, pd.DataFrame], confounded: Mapping[tuple[str, int], str]
) -> Move | None:
    """The event's own security with the largest significant, clean move beside day 0."""
    found = [
        move
        for offset, frame in neighbours.items()
        for move in _moves(frame, confounded, offset)
        if move.named and move.significant and not move.confounded
    ]
    return max(found, key=lambda move: abs(move.abnormal), default=None)


def _group_moves(
    groups: pd.DataFrame, average_p: float, moves: tuple[Move, ...]
) -> tuple[GroupMove | None, tuple[GroupMove, ...]]:
    zero = groups[(groups["window_start"] == 0) & (groups["window_end"] == 0)]
    zero = zero[zero["caar"].notna()]
    average, roles = None, []
    for row in zero.to_dict("records"):
        name = str(row["group"])
        raw = [move.raw for move in moves if name in ("all", move.role or "other")]
        if len(raw) < 2:  # a group of one is that security
            continue
        p_value = average_p if name == "all" else float(row["p_holm"])
        found = GroupMove(name, int(row["n"]), float(row["caar"]), fmean(raw), p_value,
                          p_value < LEVEL)  # fmt: skip
        if name == "all":
            average = found
        else:
            roles.append(found)
    return average, tuple(sorted(roles, key=lambda role: -abs(role.average)))


def company(name: str, ticker: str) -> str:
    """Name of a company in prose: without the place of its listing or the class of its shares."""
    return name.partition(" (")[0] or ticker
