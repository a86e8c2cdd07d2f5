"""How numbers are written: money, durations, Kubernetes' quantities and everything else, each in one way.

Python's own short form (`g`) turns 1234567 into 1.23457e+06 and drops digits of money; a test refuses it elsewhere.
"""

from __future__ import annotations

from decimal import Decimal

_SIGNIFICANT = 15
"""Decimal digits that every float keeps; the noise of sums (`0.1 + 0.2`) is behind them."""


def decimal(number: float) -> str:
    """All digits and no exponent: `1234567`, `0.05`, `2`."""
    text = f"{Decimal(f'{number:.{_SIGNIFICANT}g}'):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def usd(dollars: float) -> str:
    """Money for a reader, with cents: `1,234,567.00`."""
    return f"{dollars:,.2f}"


def usd_of_cents(cents: int) -> str:
    """The same of whole cents, exactly."""
    return f"{Decimal(cents).scaleb(-2):,.2f}"


def usd_change(dollars: float) -> str:
    """The same with its sign: `+12.50`."""
    return f"{dollars:+,.2f}"


def seconds(duration: float) -> str:
    """A duration for a reader: `0.5 s`, `1800 s`."""
    return f"{decimal(duration)} s"


def cpu(cores: float) -> str:
    """Cores as the API server writes them back, so that Argo CD never sees a difference: `2`, `1500m`, `1k`."""
    thousandths = round(cores * 1000)
    return count(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def count(pieces: int) -> str:
    """Pods, cards or shares as the API server writes them back: `20`, and whole thousands as `2k`."""
    return f"{pieces // 1000}k" if pieces and pieces % 1000 == 0 else str(pieces)


def memory(gib: float) -> str:
    """GiB as the API server writes them back: `2Gi`, in MiB `1536Mi`, in TiB `1Ti`."""
    amount, suffixes = round(gib * 1024), ["Mi", "Gi", "Ti"]
    while amount and amount % 1024 == 0 and len(suffixes) > 1:
        amount, suffixes = amount // 1024, suffixes[1:]
    return f"{amount}{suffixes[0]}"
