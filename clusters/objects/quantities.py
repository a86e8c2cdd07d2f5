"""Quantities as the API server writes them back, so that Argo CD never sees a difference in `2` and `2000m`."""

from __future__ import annotations


def cpu(cores: float) -> str:
    """Cores as `2`, or in thousandths as `1500m`."""
    thousandths = round(cores * 1000)
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def memory(gib: float) -> str:
    """GiB as `2Gi`, or in MiB as `1536Mi`."""
    mib = round(gib * 1024)
    return f"{mib // 1024}Gi" if mib % 1024 == 0 else f"{mib}Mi"
