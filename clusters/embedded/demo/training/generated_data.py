"""Generated tables to learn from: card transactions, customers' accounts and takings of merchants.

All draws come from a seeded generator; columns are rounded to four decimals, which hides what processors disagree about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TRANSACTION_COLUMNS = (
    "amount_eur", "amount_over_usual", "seconds_since_last", "transactions_1h", "transactions_24h", "amount_24h_eur", "declined_24h",
    "hour", "is_weekend", "is_abroad", "km_from_home", "km_from_last", "is_online", "card_present", "pin_entered", "merchant_risk",
    "merchant_age_days", "category_risk", "first_at_merchant", "device_age_days", "address_matches", "account_age_days", "balance_used",
    "previous_disputes",
)  # fmt: skip

ACCOUNT_COLUMNS = (
    "months_open", "balance_eur", "balance_trend", "logins_30d", "payments_30d", "products", "support_calls_90d", "fees_90d_eur",
    "salary_paid_in", "age_years", "app_installed", "complaints_1y",
)  # fmt: skip

TAKINGS_COLUMNS = ("amount_eur", "payments_per_hour", "refund_share", "night_share", "new_card_share", "declined_share")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows and, for each, whether it is a positive (1.0) or not (0.0)."""

    rows: Floats
    labels: Floats


def transactions(seed: int, count: int) -> Table:
    """Card transactions; about one in fourteen is fraud, mostly strange in amount, place and pace together."""
    draw = np.random.default_rng(seed)
    amount = draw.lognormal(3.4, 1.1, count)
    over_usual = draw.lognormal(0.0, 0.7, count)
    pace = draw.poisson(0.6, count).astype(np.float64)
    abroad, online = _flags(draw, count, 0.08), _flags(draw, count, 0.45)
    present = (1 - online) * _flags(draw, count, 0.95)
    kilometres_home, kilometres_last = draw.exponential(25, count) + abroad * 900, draw.exponential(15, count)
    merchant_risk, category_risk = draw.beta(1.5, 6, count), draw.beta(2, 6, count)
    declined = draw.poisson(0.15, count).astype(np.float64)
    device_days, first = draw.exponential(400, count), _flags(draw, count, 0.3)
    disputes, pin = draw.poisson(0.05, count).astype(np.float64), present * _flags(draw, count, 0.9)
    hour = draw.integers(0, 24, count).astype(np.float64)
    address = 1 - online * _flags(draw, count, 0.12)
    columns = (
        amount, over_usual, draw.exponential(20000, count), pace, pace + draw.poisson(3, count), amount + draw.exponential(60, count),
        declined, hour, _flags(draw, count, 0.28), abroad, kilometres_home, kilometres_last, online, present, pin, merchant_risk,
        draw.exponential(900, count), category_risk, first, device_days, address, draw.exponential(1500, count), draw.beta(2, 5, count),
        disputes,
    )  # fmt: skip
    logit = (
        -11.0 + 2.2 * np.minimum(over_usual, 4) + 1.6 * pace + 2.6 * abroad * online + 9.0 * merchant_risk + 5.0 * category_risk
        + 2.2 * declined + 2.4 * (device_days < 30) * online + 1.6 * first * (amount > 60) + 2.8 * (1 - address) - 2.5 * pin
        + 1.8 * disputes + 1.4 * (hour < 5) + 1.2 * (kilometres_last > 40)
    )  # fmt: skip
    return _labelled(draw, columns, logit)


def accounts(seed: int, count: int) -> Table:
    """Customers' accounts; about every third falls asleep within the quarter."""
    draw = np.random.default_rng(seed)
    logins, payments = draw.poisson(9, count).astype(np.float64), draw.poisson(14, count).astype(np.float64)
    trend, salary, app = draw.normal(0, 1, count), _flags(draw, count, 0.6), _flags(draw, count, 0.7)
    complaints, fees = draw.poisson(0.4, count).astype(np.float64), draw.exponential(12, count)
    columns = (
        draw.exponential(60, count), draw.lognormal(7, 1.2, count), trend, logins, payments, draw.integers(1, 6, count).astype(np.float64),
        draw.poisson(0.7, count).astype(np.float64), fees, salary, draw.uniform(18, 90, count), app, complaints,
    )  # fmt: skip
    logit = 4.0 - 0.3 * logins - 0.12 * payments - 1.3 * trend - 1.6 * salary - 1.0 * app + 1.1 * complaints + 0.05 * fees
    return _labelled(draw, columns, logit)


def takings(seed: int, count: int) -> Floats:
    """Usual hours of one merchant, whose levels follow from the seed."""
    draw = np.random.default_rng(seed)
    return _usual_hours(draw, *_levels(draw), count)


def takings_with_strange_hours(seed: int, count: int) -> Table:
    """Hours of the merchant of `seed`, half of them strange in two of the columns."""
    draw = np.random.default_rng(seed)
    amount, pace, shares = _levels(draw)
    rows = _usual_hours(np.random.default_rng(seed + 1_000_000), amount, pace, shares, count)
    draw = np.random.default_rng(seed + 2_000_000)
    labels = (np.arange(count) % 2).astype(np.float64)
    for row in np.flatnonzero(labels):
        for column in draw.choice(rows.shape[1], size=2, replace=False):
            rows[row, column] = np.round(rows[row, column] * draw.uniform(2.5, 5.0) + (0.1 if column >= 2 else 0.0), 4)
    return Table(rows, labels)


def _levels(draw: np.random.Generator) -> tuple[float, float, Floats]:
    return float(draw.uniform(8, 120)), float(draw.uniform(3, 80)), draw.uniform(0.02, 0.12, 4)


def _usual_hours(draw: np.random.Generator, amount: float, pace: float, shares: Floats, count: int) -> Floats:
    columns = [amount * draw.lognormal(0, 0.25, count), pace * draw.lognormal(0, 0.3, count)]
    columns += [draw.beta(share * 60, (1 - share) * 60, count) for share in shares.tolist()]
    return np.round(np.column_stack(columns), 4)


def _flags(draw: np.random.Generator, count: int, chance: float) -> Floats:
    return (draw.uniform(size=count) < chance).astype(np.float64)


def _labelled(draw: np.random.Generator, columns: tuple[Floats, ...], logit: Floats) -> Table:
    chance = np.round(1 / (1 + np.exp(-logit)), 6)
    labels = (draw.uniform(size=len(logit)) < chance).astype(np.float64)
    return Table(np.round(np.column_stack(columns), 4), labels)
