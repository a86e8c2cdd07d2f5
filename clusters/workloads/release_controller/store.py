"""The last seen objects of every model, as watches bring them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from clusters.workloads.release_controller import known
from clusters.workloads.release_controller.api import Json
from clusters.workloads.release_controller.kinds import PARAMETERS, RELEASES, REVISIONS, ROUTES, SERVICES, Kind
from clusters.workloads.release_controller.known import Known, Made, Model, Parameter, Release
from tidegate.contracts.release_names import GUARD_CONFIG_MAP, live_route, model_of_route

Key = tuple[str, str]


class Store:
    """Objects by namespace and name."""

    def __init__(self, own_namespace: str) -> None:
        self._own = own_namespace
        self.wake: Callable[[Model], None] = lambda _model: None
        """Called with each model about which something changed."""
        self._kept: dict[Kind, dict[Key, Any]] = {kind: {} for kind in (RELEASES, SERVICES, ROUTES, PARAMETERS)}
        self._revisions: dict[Model, dict[str, Made]] = {}
        self._model_of: dict[Key, Model] = {}

    def put(self, kind: Kind, item: Json) -> None:
        """An object as it is now."""
        key = _key(item)
        if kind == REVISIONS:
            self._put_revision(key, item)
        elif kind == ROUTES:
            if model_of_route(key[1]):
                self._keep(kind, key, known.live_route(item))
        elif kind == RELEASES:
            self._keep(kind, key, known.release(item))
        elif kind == SERVICES:
            self._keep(kind, key, known.owner(item))
        elif kind == PARAMETERS:
            self._keep(kind, key, known.parameter(item))

    def drop(self, kind: Kind, key: Key) -> None:
        """An object is gone."""
        if kind != REVISIONS:
            self._keep(kind, key, None)
        elif model := self._model_of.pop(key, None):
            self._revisions[model].pop(key[1], None)
            if not self._revisions[model]:
                del self._revisions[model]
            self.wake(model)

    def keep_only(self, kind: Kind, keys: set[Key]) -> None:
        """After a new list: what is not in it is gone."""
        there = self._model_of if kind == REVISIONS else self._kept[kind]
        for key in [one for one in there if one not in keys]:
            self.drop(kind, key)

    def known(self, model: Model) -> Known:
        """What is known of one model."""
        return Known(
            model,
            self._kept[RELEASES].get(model),
            self._kept[SERVICES].get(model),
            tuple(self._revisions.get(model, {}).values()),
            self._kept[ROUTES].get((model.namespace, live_route(model.name))),
            self._kept[PARAMETERS].get((model.namespace, GUARD_CONFIG_MAP)),
            self.freeze(model.namespace),
        )

    def release(self, model: Model) -> Release | None:
        """Its Release alone."""
        return self._kept[RELEASES].get(model)

    def freeze(self, namespace: str) -> str:
        """Why nothing is raised in a namespace; empty when it may be."""
        ours: Parameter | None = self._kept[PARAMETERS].get((self._own, GUARD_CONFIG_MAP))
        return ours.freeze(namespace) if ours else ""

    def releases(self) -> Iterator[tuple[Model, Release]]:
        """Every Release."""
        for key, release in self._kept[RELEASES].items():
            yield Model(*key), release

    def _put_revision(self, key: Key, item: Json) -> None:
        model, made = Model(key[0], known.model_of_revision(item)), known.made(item)
        if made is None:
            self.drop(REVISIONS, key)
            return
        self._model_of[key] = model
        there = self._revisions.setdefault(model, {})
        if there.get(key[1]) != made:
            there[key[1]] = made
            self.wake(model)

    def _keep(self, kind: Kind, key: Key, kept: object | None) -> None:
        there = self._kept[kind]
        before = there.get(key)
        if kept is None:
            there.pop(key, None)
        else:
            there[key] = kept
        if before != kept:
            for model in self._concerned(kind, key, before, kept):
                self.wake(model)

    def _concerned(self, kind: Kind, key: Key, before: object, after: object) -> Iterable[Model]:
        if kind == ROUTES:
            return [Model(key[0], model)] if (model := model_of_route(key[1])) else []
        if kind != PARAMETERS:
            return [Model(*key)]
        every = [Model(*one) for one in self._kept[RELEASES]]
        if key[0] == self._own:
            return every
        # One ConfigMap has the parts of all models of its namespace: only those whose part changed have to look.
        return [one for one in every if one.namespace == key[0] and _part(before, one.name) != _part(after, one.name)]


def _part(parameter: object, model: str) -> tuple[object, ...] | None:
    found = parameter.guard(model) if isinstance(parameter, Parameter) else None
    return (found.stable, found.shares, found.digests) if found else None


def _key(item: Json) -> Key:
    metadata = item["metadata"]
    return metadata["namespace"], metadata["name"]
