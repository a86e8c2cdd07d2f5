"""Quantities as the API server writes them back, so that Argo CD never sees a difference in `2` and `2000m`."""

from __future__ import annotations


def cpu(cores: float) -> str:
    """Cores as `2`, in thousandths as `1500m`, and as `1k` where they are thousands."""
    thousandths = round(cores * 1000)
    if thousandths % 1000:
        return f"{thousandths}m"
    return count(thousandths // 1000)


def count(number: int) -> str:
    """How many of something, such as pods: `30`, and `2k` where they are thousands."""
    return f"{number // 1000}k" if number and number % 1000 == 0 else str(number)


def memory(gib: float) -> str:
    """GiB as `2Gi`, in MiB as `1536Mi`, and as `1Ti` where they are whole TiB."""
    mib = round(gib * 1024)
    for size, suffix in ((1024**2, "Ti"), (1024, "Gi")):
        if mib and mib % size == 0:
            return f"{mib // size}{suffix}"
    return f"{mib}Mi"
