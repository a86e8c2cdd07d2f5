"""What every fact has in common: immutable, unknown keys refused, refusals that carry their remedy."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError


class Fact(BaseModel):
    """A typed piece of the inventory. Validation is strict: `"5"` is not a number and `no` is not a boolean."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True)


def refuse(rule: str, problem: str, remedy: str, *, at: str = "", value: object = "") -> PydanticCustomError:
    """The error a validator raises so that the finding has a rule name and a remedy.

    A validator of a whole fact names the field at fault with `at` (`max_nodes`, `zones[1]`) and what stands there with
    `value`; that of one field need not. `problem` and `remedy` travel in the error's context, because pydantic treats braces in the template as fields.
    """
    return PydanticCustomError("tidegate", "{problem}", {"rule": rule, "problem": problem, "remedy": remedy, "at": at, "value": value})


_FAR_ABOVE_ANY_QUANTITY = 1e9


def _quantity(step: float, unit: str) -> BeforeValidator:
    """Refuses zero, negatives and anything finer than `step` of `unit`, which Kubernetes would round."""

    def refuse_odd_quantity(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        if not abs(value) < _FAR_ABOVE_ANY_QUANTITY:
            return value  # infinite, not a number or beyond a float: the limits that follow refuse it
        if value <= 0:
            raise refuse("quantity-not-positive", "must be above zero", "write a positive number")
        steps = value / step
        if steps < 0.5 or abs(steps - round(steps)) > 1e-6:
            raise refuse("quantity-too-fine", f"is finer than {unit}, the smallest step", f"round it to {unit}")
        return value

    return BeforeValidator(refuse_odd_quantity)


Cpu = Annotated[float, Field(gt=0, le=1024), _quantity(0.001, "0.001 core")]
"""CPU cores; thousandths are the smallest step Kubernetes keeps. 1,024 is above any machine on offer."""

MemoryGib = Annotated[float, Field(gt=0, le=32768), _quantity(1 / 1024, "1 MiB")]
"""Memory in GiB, in whole MiB steps. 32,768 GiB is above any machine on offer."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest as 64 lower-case hexadecimal digits, without a prefix."""

Email = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._+-]{0,62}@[a-z0-9][a-z0-9.-]{0,252}\.[a-z]{2,}$")]
"""A mail address that reaches people; lower case, because owners are compared."""

Subject = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@:/|+=~-]{0,254}$")]
"""The `sub` of a token, exactly; no wildcards. At most 255 characters (OpenID Connect Core 1.0, section 2).

Such as `auth0|5f7c8ec7c33c6c004bbafe82`, `spiffe://example.org/ns/payments`, `repo:example/app:ref:refs/heads/main` (GitHub),
`project_path:group/app:ref_type:branch:ref:main` (GitLab), a mail address (Okta), and the base64 of Entra ID.
"""
