"""A region's Vault as a tenant's pod meets it: a token of its account, and what Vault lends for it."""

from __future__ import annotations

from tests.acceptance.running_platform import INVENTORY, Running
from tidegate.embedded.fleet.bring_up import kubeconfig_path
from tidegate.embedded.vault import vault, vault_region
from tidegate.errors import MachineError
from tidegate.facts import names


def account_token(running: Running, region: str, tenant: str, audience: str = vault.AUDIENCE) -> str:
    account, namespace = names.serving_service_account(tenant), INVENTORY.tenants[tenant].namespace_name
    return running.cluster(region).run("create", "token", account, f"--namespace={namespace}", f"--audience={audience}").strip()


def why_not_lent(running: Running, region: str, role: str, jwt: str) -> str:
    """Vault's words for refusing a login; empty when it lets in and lends."""
    with vault_region.reach(kubeconfig_path(running.local, region)) as here:
        try:
            here.log_in(role, jwt)
        except MachineError as refused:
            return str(refused)
        assert here.read(f"aws/sts/{role}")
        here.revoke_own_token()
    return ""
