"""The opponent of `render_vs_cdk8s`: the same objects, given to cdk8s one by one. Runs in .venv-bench.

Arguments: a JSON file with a list of objects, and a folder to write to. Prints the seconds from the first object to the last
file; starting Python, Node.js and reading the objects is not counted.
"""
# pyright: basic
# cdk8s is installed in .venv-bench only, so its types are unknown here.

import json
import sys
import time
from pathlib import Path

import cdk8s  # pyright: ignore[reportMissingImports]


def main() -> None:
    """Builds and writes."""
    objects = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    started = time.perf_counter()
    app = cdk8s.App(outdir=sys.argv[2], yaml_output_type=cdk8s.YamlOutputType.FILE_PER_RESOURCE)
    chart = cdk8s.Chart(app, "chart", disable_resource_name_hashes=True)
    for number, manifest in enumerate(objects):
        rest = [cdk8s.JsonPatch.add(f"/{key}", value) for key, value in manifest.items() if key not in {"apiVersion", "kind", "metadata"}]
        made = cdk8s.ApiObject(
            chart, f"object-{number}", api_version=manifest["apiVersion"], kind=manifest["kind"], metadata=manifest["metadata"]
        )
        if rest:
            made.add_json_patch(*rest)
    app.synth()
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main()
