"""Each tenant's pods are lent what opens the model store for their own tenant, and nobody else's."""

from __future__ import annotations

import pytest

from tests.acceptance.lending import account_token, why_not_lent
from tests.acceptance.running_platform import INVENTORY, Running
from tidegate.embedded.vault import vault

REGION = "live-2"

pytestmark = [pytest.mark.timeout(300), pytest.mark.touches(regions=[REGION], asks=[])]

TENANTS = sorted(tenant.name for tenant in INVENTORY.tenants_of(REGION))


@pytest.mark.parametrize("tenant", TENANTS)
def test_each_tenant_is_lent_its_own_and_nobody_elses(platform: Running, tenant: str) -> None:
    own = account_token(platform, REGION, tenant)
    assert why_not_lent(platform, REGION, tenant, own) == ""
    for other in [one for one in TENANTS if one != tenant] + [vault.PLATFORM]:
        assert "not authorized" in why_not_lent(platform, REGION, other, own), other
    assert "invalid audience" in why_not_lent(
        platform, REGION, tenant, account_token(platform, REGION, tenant, "https://kubernetes.default.svc")
    )
