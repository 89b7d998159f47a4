"""The Chromium of the tests."""

import json
import os
import re
import subprocess
from pathlib import Path

from tests.fixtures.client_apps import CLIENTS, NODE


def test_fonts_are_those_that_are_unpacked(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}

    output = subprocess.run([NODE, CLIENTS / "chromium.js"], env=environment, capture_output=True, check=True).stdout

    fonts = Path(json.loads(output)["environment"]["FONTCONFIG_PATH"])
    folders = re.findall("<dir>(.+?)</dir>", (fonts / "fonts.conf").read_text(encoding="utf-8"))
    assert folders == [str(tmp_path / "fonts")]
    assert {font.name for font in fonts.rglob("*.ttf")} >= {"OpenSans-Regular.ttf", "OpenSans-Bold.ttf"}
