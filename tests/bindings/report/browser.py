"""Chromium without a window, if it is installed: how a page lies at some width, and how it prints."""

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next((found for name in NAMES if (found := shutil.which(name))), None)
MISSING = "no Chromium here: install the package chromium to look at pages"
_SECONDS = 120

# The frame of a page is as wide as is asked for, which a window cannot be below 500 pixels.
_PROBE = r"""<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="page" width="{width}" height="900" style="border:0" src="{page}"></iframe><pre id="found"></pre>
<script>
document.getElementById("page").onload = () => {{
  const inner = document.getElementById("page").contentDocument, root = inner.documentElement;
  const wide = [...inner.body.querySelectorAll("*")].filter((one) => {{
    const box = one.getBoundingClientRect();
    const scrolls = one.closest(".scroll");
    return box.width > 0 && (box.right > {width} + 0.5 || box.left < -0.5) && !(scrolls && scrolls !== one);
  }});
  const scrolled = [...inner.querySelectorAll(".scroll")].filter((one) => one.scrollWidth > one.clientWidth + 1);
  // A short word on two lines, and texts of a picture that lie on each other or are cut by its edge.
  const broken = [], walker = inner.createTreeWalker(inner.body, NodeFilter.SHOW_TEXT), range = inner.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {{
    for (const word of node.data.matchAll(/[\p{{L}}\d_.]+/gu)) {{
      range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map((one) => one.top)).size;
      if (word[0].length < 15 && lines > 1) broken.push(word[0]);
    }}
  }}
  const covered = [...inner.querySelectorAll("svg.plot")].flatMap((picture) => {{
    const edge = picture.getBoundingClientRect(), all = [...picture.querySelectorAll("text")];
    const boxes = all.map((one) => one.getBoundingClientRect());
    const meet = (one, other) => one.left < other.right && other.left < one.right &&
      one.top + 2 < other.bottom && other.top + 2 < one.bottom;
    const bad = boxes.map((one, at) => one.left < edge.left || one.right > edge.right ||
      boxes.some((other, next) => next !== at && meet(one, other)));
    return all.filter((_, at) => bad[at]).map((one) => one.textContent);
  }});
  const texts = (rule) => [...inner.querySelectorAll(rule)].map((one) => one.innerText.trim());
  document.getElementById("found").textContent = JSON.stringify({{
    width: root.scrollWidth, text: inner.body.innerText, wide: wide.map((one) => one.outerHTML.slice(0, 80)),
    scrolled: scrolled.map((one) => one.innerText.slice(0, 60)), numbers: texts("td.n, .bar span"),
    background: inner.defaultView.getComputedStyle(inner.querySelector(".verdict")).backgroundColor,
    broken, covered, bars: [...inner.querySelectorAll(".bar rect")].map((one) => one.getBoundingClientRect().width),
  }});
}};
</script>"""


def looked_at(page: Path, width: int) -> dict[str, Any]:
    """Return how a page lies at a width: its own width, text, what sticks out, and texts of number cells."""
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.html"
        probe.write_text(_PROBE.format(width=width, page=page.resolve().as_uri()), encoding="utf-8")
        options = ["--allow-file-access-from-files", "--disable-web-security", "--virtual-time-budget=5000"]
        options.append(f"--window-size={max(width, 600)},1000")
        shown = _run(folder, *options, "--dump-dom", probe.as_uri())
    found = re.search(r'<pre id="found">(.*?)</pre>', shown, re.DOTALL)
    assert found is not None
    assert found[1]
    return json.loads(html.unescape(found[1]))


def printed(page: Path, output: Path) -> bytes:
    """Print a page to PDF, and return the file."""
    with tempfile.TemporaryDirectory() as folder:
        _run(folder, "--no-pdf-header-footer", f"--print-to-pdf={output}", page.resolve().as_uri())
    return output.read_bytes()


def _run(folder: str, *options: str) -> str:
    """Run Chromium with a profile of its own."""
    assert PROGRAM is not None
    # Containers have no sandbox of users; the pages are our own.
    usual = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
    home = os.environ | {"HOME": folder}
    done = subprocess.run(
        [PROGRAM, *usual, *options], capture_output=True, text=True, timeout=_SECONDS, check=True, env=home
    )
    return done.stdout
