"""Which donors made a counterfactual."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.eventstudy.counterfactual.rows import Reader, rows_of_events

if TYPE_CHECKING:
    from analysis.eventstudy.fitting.fitted_study import FittedStudy


def weights(results: FittedStudy) -> pd.DataFrame:
    """Weights of the donors in every event's counterfactual.

    They are found anew from the returns of the study, the same as in its fit.

    Parameters
    ----------
    results : FittedStudy
        Of a study with a model of this package.

    Returns
    -------
    pandas.DataFrame
        event_id, security, donor, weight: one row per donor with a weight other than 0, the
        largest first. They sum to one, except those of `InteractiveFixedEffects`, which
        weigh the donors' returns less their means.

    Raises
    ------
    InputError
        The study has another model.
    """
    reader = Reader(results)
    pool = pd.Index(reader.model.pool, dtype=object)
    parts = []
    for event_id, security, _, rows in rows_of_events(results, reader):
        match = reader.matcher.match(rows.y[None], rows.donors_before, rows.donors_after)[0]
        donors = pool[rows.kept]
        order = np.argsort(-match.weights, kind="stable")
        order = order[match.weights[order] != 0]
        parts.append(
            pd.DataFrame(
                {
                    "event_id": [event_id] * len(order),
                    "security": [security] * len(order),
                    "donor": donors[order],
                    "weight": match.weights[order],
                }
            )
        )
    if not parts:
        return pd.DataFrame(columns=["event_id", "security", "donor", "weight"])
    return pd.concat(parts, ignore_index=True)
