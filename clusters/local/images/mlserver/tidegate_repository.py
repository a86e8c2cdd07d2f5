"""Finds one of many models by its folder's name, where MLServer's own repository reads the settings of all to find one.

Chosen by MLSERVER_MODEL_REPOSITORY_IMPLEMENTATION=tidegate_repository.FolderRepository.
"""

from __future__ import annotations

from pathlib import Path

from mlserver.errors import ModelNotFound
from mlserver.repository import SchemalessModelRepository
from mlserver.repository.load import load_model_settings
from mlserver.repository.repository import DEFAULT_MODEL_SETTINGS_FILENAME
from mlserver.settings import ModelSettings


class FolderRepository(SchemalessModelRepository):
    """A folder of folders, each named as the model in it."""

    async def find(self, name: str) -> list[ModelSettings]:
        """The settings of `name`. Raises `ModelNotFound` when no folder has that name, or the model in it has another."""
        root = Path(self._root).resolve()
        path = root / name / DEFAULT_MODEL_SETTINGS_FILENAME
        # The name comes from a URL: it must not lead out of the repository.
        if path.parent.parent != root or not path.is_file():
            return await super().find(name)
        settings = load_model_settings(str(path))
        if settings.name != name:
            raise ModelNotFound(name)
        return [settings]
