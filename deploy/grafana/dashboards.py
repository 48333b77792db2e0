"""Writes the dashboards, as JSON that Grafana imports, beside this file or into DIR.

    PYTHONPATH=$(tools/grafana-sdk.sh) python3 -B deploy/grafana/dashboards.py [DIR]
"""

import json
import pathlib
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder

import health
import retirement
import rotation


def main(directory: pathlib.Path) -> None:
    for module in (rotation, retirement, health):
        text = json.dumps(module.DASHBOARD, cls=JSONEncoder, indent=2, sort_keys=True)
        (directory / f"{module.__name__}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
