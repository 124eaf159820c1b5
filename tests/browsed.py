"""A report as a browser without network shows it: sizes, links that are followed, what a pointer is told."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Put at the end of a copy of the page: what the browser has made of it, told to the page that it is a frame of.
PROBE = """<script>
const box = one => one.getBoundingClientRect(), wait = () => new Promise(done => setTimeout(done, 0));
const seen = one => { const at = box(one); return at.width > 0 && at.height > 0 && at.bottom > 0 && at.right > 0
  && at.top < innerHeight && at.left < innerWidth };
// what a pointer half way along a curve is told
const told = path => { path.scrollIntoView({block: "center", inline: "center"});
  const at = path.getPointAtLength(path.getTotalLength() / 2).matrixTransform(path.getScreenCTM());
  const found = document.elementFromPoint(at.x, at.y + 1).closest(".plot :has(> title)");
  return found ? found.querySelector(":scope > title").textContent : "" };
addEventListener("load", async () => {
  const found = {
    figures: [...document.querySelectorAll(".plot > svg")].map(one => [box(one).width, box(one).height]),
    loaded: performance.getEntriesByType("resource").map(one => one.name.slice(0, 200)),
    width: innerWidth, wide: document.documentElement.scrollWidth - innerWidth,
    spill: [...document.querySelectorAll("main *")].filter(one => !one.closest(".table table, .plot svg, pre, details")
      && box(one).right > innerWidth + 1).map(one => one.outerHTML.slice(0, 200)),
    first: [".verdict", ".columns"].map(one => document.querySelector(one))
      .map(one => one && [box(one).top, box(one).bottom]),
    told: [...document.querySelectorAll(".plot .panel g > title + path")].slice(0, 12).map(told), nowhere: [], led: 0};
  for (const link of new Set([...document.querySelectorAll("a")].map(one => one.getAttribute("href")))) {
    location.hash = link; await wait();
    const target = document.querySelector(":target");
    if (target && seen(target)) found.led += 1; else found.nowhere.push(link) }
  parent.postMessage(JSON.stringify(found), "*")})
</script>"""
# A window of Chromium is 500 wide at least, a frame as narrow as is asked for. --dump-dom shows what it has told.
FRAME = """<body style="margin:0"><pre id="probe"></pre><script>
addEventListener("message", one => { document.getElementById("probe").textContent = one.data })
</script><iframe src="page.html" style="border:0;width:WIDTHpx;height:800px"></iframe>"""


def looked_at(text: str, tmp_path: Path, width: int, dark: bool = False) -> dict:
    """What PROBE found of a page of this width in a folder of its own."""
    (tmp_path / "page.html").write_text(text.replace("</body>", f"{PROBE}</body>"))
    (tmp_path / "frame.html").write_text(FRAME.replace("WIDTH", str(width)))
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,900", "--host-resolver-rules=MAP * ~NOTFOUND",
        "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr",
        "--virtual-time-budget=20000", *(["--blink-settings=preferredColorScheme=0"] if dark else []), "--dump-dom",
        (tmp_path / "frame.html").as_uri(),
    ]  # fmt: skip
    home = os.environ | {"HOME": str(tmp_path)}
    for last in (False, False, True):  # it sometimes hangs at its start, whatever the page
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=home)
            break
        except subprocess.TimeoutExpired:
            shutil.rmtree(tmp_path / "profile", ignore_errors=True)
            if last:
                raise
    assert done.returncode == 0, done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    (found,) = re.findall(r'<pre id="probe">(\{.*?\})</pre>', done.stdout)
    return json.loads(found)
