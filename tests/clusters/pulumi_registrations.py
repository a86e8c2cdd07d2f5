"""Run by test_wire_form in a process of its own, because Pulumi keeps an event loop and global settings.

Reads a list of {group, kind, arguments} from stdin, makes each with Pulumi's own class against mocks and prints what it
would have sent to the engine.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import pulumi


class Recorder(pulumi.runtime.Mocks):
    """Keeps what resources would send to the engine, by name."""

    def __init__(self) -> None:
        self.inputs: dict[str, Any] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.inputs[args.name] = args.inputs  # pyright: ignore[reportUnknownMemberType] - pulumi leaves it untyped
        return args.name, args.inputs  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - pulumi leaves it untyped

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"nothing here calls {args.token}")


def main() -> None:
    """Prints a list in the order asked."""
    wanted = json.load(sys.stdin)
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, preview=False)

    @pulumi.runtime.test  # pyright: ignore[reportUnknownMemberType, reportUntypedFunctionDecorator] - pulumi leaves it untyped
    def register() -> Any:
        made = [
            getattr(importlib.import_module(f"pulumi_kubernetes.{each['group']}.v1"), each["kind"])(f"r{index}", **each["arguments"])
            for index, each in enumerate(wanted)
        ]
        return pulumi.Output.all(*(resource.id for resource in made))

    register()
    json.dump([recorder.inputs[f"r{index}"] for index in range(len(wanted))], sys.stdout)


if __name__ == "__main__":
    main()
