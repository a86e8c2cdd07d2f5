"""From files to facts: reads the inventory, refuses what is odd, returns a `Platform`.

What belongs here: reading YAML safely (`yaml_files`), turning pydantic's errors into findings (`refusals`) and loading
the whole inventory (`load`). What does not: rules about facts (`tidegate.facts`) and rendered objects
(`tidegate.manifests`).
"""

from tidegate.facts.inventory.load import load, load_folder_findings

__all__ = ["load", "load_folder_findings"]
