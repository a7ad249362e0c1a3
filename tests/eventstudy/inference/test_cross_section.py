"""The regression of CARs on what is known of events, against its formulas written out."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.errors import InputError
from analysis.eventstudy import MarketModel
from tests.reference.panels import events, panel, study

WINDOW = (-1, 1)
ROWS = [100 + 5 * (at // 3) for at in range(30)]


def asked_of(returns, rows=ROWS, **columns):
    return events(returns, rows).assign(**columns)


@pytest.fixture(scope="module")
def results():
    returns, factors = panel(30, 200, seed=3)
    asked = asked_of(returns, group=["a", "b"] * 15)
    return study(returns, asked, factors, model=MarketModel("F0")).fit()


@pytest.fixture(scope="module")
def one_date():
    returns, factors = panel(30, 200, seed=4)
    asked = asked_of(returns, [150] * 30)
    return study(returns, asked, factors, model=MarketModel("F0")).fit()


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "security": [f"S{at}" for at in range(30)],
            "china_share": rng.random(30),
            "cap": rng.lognormal(3, 1, 30),
            "sector": ["chips", "cloud", "power"] * 10,
        }
    )


def by_hand(y, x, weights=None, groups=None):
    """Coefficients, errors and degrees of freedom: HC3, or clustered, in plain loops."""
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    y, x = root * y, root[:, None] * x
    n, k = x.shape
    bread = np.linalg.inv(x.T @ x)
    b = bread @ x.T @ y
    meat = np.zeros((k, k))
    if groups is None:
        for i in range(n):
            h = x[i] @ bread @ x[i]
            meat += np.outer(x[i], x[i]) * (y[i] - x[i] @ b) ** 2 / (1 - h) ** 2
        df = n - k
    else:
        names = sorted(set(groups))
        for name in names:
            score = sum(x[i] * (y[i] - x[i] @ b) for i in range(n) if groups[i] == name)
            meat += np.outer(score, score)
        g = len(names)
        meat *= g / (g - 1) * (n - 1) / (n - k)
        df = g - 1
    return b, np.sqrt(np.diag(bread @ meat @ bread)), df


def agrees(explained, expected):
    b, se, df = expected
    table = explained.table
    assert list(table.columns) == [
        "term",
        "coefficient",
        "se",
        "t",
        "df",
        "p_value",
        "low",
        "high",
    ]
    np.testing.assert_allclose(table["coefficient"], b, rtol=1e-9)
    np.testing.assert_allclose(table["se"], se, rtol=1e-9)
    np.testing.assert_allclose(table["t"], b / se, rtol=1e-9)
    assert (table["df"] == df).all()
    np.testing.assert_allclose(table["p_value"], 2 * stats.t.sf(np.abs(b / se), df), rtol=1e-8)
    np.testing.assert_allclose(table["high"] - b, stats.t.ppf(0.975, df) * se, rtol=1e-8)
    np.testing.assert_allclose(table["high"] + table["low"], 2 * b, rtol=1e-8)


@pytest.mark.parametrize("left", ["car", "scar"])
def test_the_errors_are_hc3_with_students_t(results, data, left):
    explained = results.explain(f"{left} ~ china_share + log(cap)", WINDOW, data)
    x = np.column_stack([np.ones(30), data["china_share"], np.log(data["cap"])])
    agrees(explained, by_hand(results.car(WINDOW)[left].to_numpy(), x))
    assert explained.table["term"].tolist() == ["Intercept", "china_share", "log(cap)"]
    assert (explained.n, explained.left_out.empty) == (30, True)
    assert explained.r2 == pytest.approx(explained.fit.rsquared)
    assert 0 < explained.r2 < 1


def test_the_forecast_weighs_an_event_by_its_precision(results, data):
    car = results.car(WINDOW)
    x = np.column_stack([np.ones(30), data["china_share"]])
    expected = by_hand(car["car"].to_numpy(), x, 1 / car["se"].to_numpy() ** 2)
    agrees(results.explain("car ~ china_share", WINDOW, data, weights="forecast"), expected)
    # One event without a logarithm: the weights stay with their events.
    data.loc[4, "cap"] = -1.0
    kept = np.delete(np.arange(30), 4)
    x = np.column_stack([np.ones(30), np.log(data["cap"].abs())])[kept]
    expected = by_hand(car["car"].to_numpy()[kept], x, 1 / car["se"].to_numpy()[kept] ** 2)
    agrees(results.explain("car ~ log(cap)", WINDOW, data, weights="forecast"), expected)


@pytest.mark.parametrize("cluster", [None, "date", "sector"])
def test_errors_can_be_clustered_by_date_or_by_a_column(results, data, cluster):
    explained = results.explain(
        "car ~ china_share", WINDOW, data, errors="cluster", cluster=cluster
    )
    groups = data["sector"].tolist() if cluster == "sector" else ROWS
    x = np.column_stack([np.ones(30), data["china_share"]])
    agrees(explained, by_hand(results.car(WINDOW)["car"].to_numpy(), x, groups=groups))
    count = 3 if cluster == "sector" else 10
    assert explained.note.startswith(f"{count} clusters are few")


def test_categories_and_the_studys_own_groups_may_explain(results, data):
    explained = results.explain("car ~ C(sector, Treatment('cloud')) + group", WINDOW, data)
    assert explained.n == 30
    assert len(explained.table) == 4
    without = results.explain("car ~ china_share - 1", WINDOW, data)
    assert without.table["term"].tolist() == ["china_share"]


@pytest.mark.parametrize("shape", ["index", "event", "both", "two levels"])
def test_data_may_be_keyed_by_event_security_or_both_as_columns_or_index(results, data, shape):
    expected = results.explain("car ~ china_share", WINDOW, data).table
    events_too = data.assign(event_id=[f"e{at}" for at in range(30)]).sample(frac=1, random_state=1)
    frame = {
        "index": data.set_index("security"),
        "event": events_too.drop(columns="security").assign(other=1),
        "both": events_too,
        "two levels": events_too.set_index(["event_id", "security"]),
    }[shape]
    before = frame.copy()
    pd.testing.assert_frame_equal(
        results.explain("car ~ china_share", WINDOW, frame).table, expected
    )
    pd.testing.assert_frame_equal(frame, before)


def test_every_event_that_is_left_out_has_its_reason():
    returns, factors = panel(30, 200, seed=5)
    returns.iloc[101, 0] = np.nan  # a hole in the window of e0
    asked = asked_of(returns)
    asked.loc[1, "security"] = "X"
    results = study(returns, asked, factors, model=MarketModel("F0")).fit()
    frame = pd.DataFrame(
        {
            "security": [f"S{at}" for at in range(30)],
            "a": np.linspace(1, 2, 30) ** 3,
            "b": np.linspace(-1, 9, 30) ** 2 - 0.5,
        }
    ).drop(index=5)
    frame.loc[3, "a"] = np.nan
    frame.loc[4, ["a", "b"]] = np.nan
    explained = results.explain("car ~ a + log(b)", WINDOW, frame)
    reasons = explained.left_out.set_index("event_id")["reason"]
    assert reasons["e1"] == "no returns for X"
    assert reasons["e0"].startswith("no return on day 1")
    assert reasons["e3"] == "no a"
    assert reasons["e4"] == "no a and no b"
    assert reasons["e5"] == "no row in data"
    low = frame.index[frame["b"] <= 0]
    assert len(low) > 0
    for at in low.difference([0, 1, 3, 4, 5]):
        assert "logarithm of zero or less" in reasons[f"e{at}"]
    assert explained.n + len(reasons) == 30


def test_events_of_one_date_carry_a_warning_and_cannot_be_clustered_by_it(one_date, data):
    explained = one_date.explain("car ~ china_share", WINDOW, data)
    assert explained.note.startswith("30 events share 1 date and move together")
    assert "constant" in explained.note
    with pytest.raises(InputError, match=r"All 30 events share one date \(2024-07-29\)"):
        one_date.explain("car ~ china_share", WINDOW, data, errors="cluster")
    by_sector = one_date.explain(
        "car ~ china_share", WINDOW, data, errors="cluster", cluster="sector"
    )
    assert by_sector.table["df"].tolist() == [2.0, 2.0]


def test_events_of_several_dates_are_pointed_to_clusters(results, data):
    note = results.explain("car ~ china_share", WINDOW, data).note
    assert note == (
        "30 events share 10 dates and move together, which HC3 does not allow for; "
        "errors='cluster' does."
    )


@pytest.mark.parametrize(
    ("formula", "options", "match"),
    [
        ("car ~ chna_share", {}, "Unknown column of data 'chna_share'. Did you mean 'china_share'"),
        ("car ~ china_share + I(2 * china_share)", {}, r"collinear: I\(2 \* china_share\) follows"),
        ("car ~ china_share + I(0 * cap)", {}, r"I\(0 \* cap\) is zero throughout"),
        ("car ~ log(cap", {}, "cannot be evaluated"),
        ("car ~ ghost(cap)", {}, "cannot be evaluated"),
        ("car ~ I(1 / (cap - cap))", {}, "gives infinite values"),
        ("car ~", {}, "nothing on its right side"),
        ("car", {}, "with one ~"),
        (None, {}, "with one ~"),
        ("aar ~ cap", {}, "left side of a formula is car or scar"),
        ("car + scar ~ cap", {}, "left side of a formula is car or scar"),
        ("car ~ scar", {}, "scar cannot explain a CAR"),
        ("car ~ C(security)", {}, "30 events with all figures are too few for 30 coefficients"),
        ("car ~ cap", {"errors": "HC2"}, "Unknown kind of errors 'HC2'"),
        ("car ~ cap", {"weights": "equal"}, "Unknown kind of weights 'equal'"),
        ("scar ~ cap", {"weights": "forecast"}, "goes with car"),
        ("car ~ cap", {"cluster": "sector"}, "needs errors='cluster'"),
        ("car ~ cap", {"errors": "cluster", "cluster": "sectr"}, "Did you mean 'sector'"),
        ("car ~ cap", {"errors": "cluster", "cluster": "one"}, "have the same one"),
        ("car ~ cap + I(cap > 1e9)", {}, "collinear"),
        ("car ~ I(security == 'S3')", {}, "'e3' of 'S3' alone determines"),
        ("car ~ cap", {"level": 95}, "level must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_regressed_is_refused_in_a_sentence(results, data, formula, options, match):
    with pytest.raises(InputError, match=match):
        results.explain(formula, WINDOW, data.assign(one="same"), **options)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda d: d.drop(columns="security"), "does not say which event or security"),
        (lambda d: pd.concat([d, d.iloc[:1]]), "two rows for 'S0'"),
        (lambda d: d.assign(car=1.0), "a column 'car', which the study gives"),
        (lambda d: d.assign(security=np.arange(30)), "No event has a row in data"),
        (lambda d: d.assign(security=d["security"].str.lower()), "'S0', 'S1'... in the study"),
        (lambda d: d.assign(cap=np.nan), "No event has all the figures"),
        (lambda d: d.to_dict(), "must be a pandas DataFrame"),
        (lambda d: pd.concat([d, d[["cap"]]], axis=1), "two columns named 'cap'"),
    ],
)
def test_data_that_cannot_be_laid_beside_the_events_is_refused(results, data, change, match):
    with pytest.raises(InputError, match=match):
        results.explain("car ~ cap", WINDOW, change(data))


def test_a_perfect_fit_has_no_error_and_a_window_outside_is_refused(results, data):
    car = results.car(WINDOW).reset_index()
    copied = data.assign(copy=car["car"].to_numpy())
    with pytest.raises(InputError, match="explain every CAR exactly"):
        results.explain("car ~ copy", WINDOW, copied)
    with pytest.raises(InputError, match="reaches outside"):
        results.explain("car ~ cap", (-9, 9), data)


def test_the_regression_prints_its_table(results, data):
    text = repr(results.explain("car ~ china_share", WINDOW, data.drop(index=2)))
    assert "car ~ china_share, window (-1, 1): 29 events" in text
    assert "Intercept" in text
    assert "1 left out" in text


def test_both_formula_languages_give_the_same_table(results, data, monkeypatch):
    import statsmodels.formula

    formula = "car ~ C(sector) + china_share + log(cap)"
    patsy = results.explain(formula, WINDOW, data).table
    monkeypatch.setattr(statsmodels.formula.options, "formula_engine", "formulaic")
    pd.testing.assert_frame_equal(results.explain(formula, WINDOW, data).table, patsy)
