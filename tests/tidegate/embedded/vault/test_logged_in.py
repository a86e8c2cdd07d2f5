"""A refused login is tried again for a while: Vault refuses too when it cannot ask the API server yet."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from tidegate.embedded.vault import vault_region
from tidegate.errors import MachineError

REFUSED = MachineError("Vault refuses auth/kubernetes/login as platform: permission denied")


def vault_that_answers(*answers: MachineError | None) -> Any:
    return Mock(log_in=Mock(side_effect=answers))


def test_login_that_is_refused_at_first_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_region, "token_of_ours", Mock(side_effect=["first", "second"]))
    here = vault_that_answers(REFUSED, None)
    with vault_region.logged_in(here, Mock(), Mock()):
        here.revoke_own_token.assert_not_called()
    assert [call.args for call in here.log_in.call_args_list] == [("platform", "first"), ("platform", "second")], (
        "each with a token of its own"
    )
    here.revoke_own_token.assert_called_once_with()


def test_login_that_stays_refused_is_an_error_in_vaults_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_region, "token_of_ours", Mock(return_value="token"))
    monkeypatch.setattr(vault_region, "_LOGIN_SECONDS", 0.1)
    here = vault_that_answers(*[REFUSED] * 9)
    with pytest.raises(MachineError, match="permission denied"), vault_region.logged_in(here, Mock(), Mock()):
        pytest.fail("it was let in")
    here.revoke_own_token.assert_not_called()
