"""The price tables of this checkout."""

from __future__ import annotations

from tests.root import ROOT
from tidegate.facts.inventory.prices import load_prices

PRICES = load_prices(ROOT)
