"""The site: it builds without a warning, and every page opens in a browser with nothing broken.

Needs what `pip install -e '.[docs]'` installs, and Chromium; skipped if either is missing.
"""

import functools
import http.server
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import pytest

ROOT = Path(__file__).parents[2]
MISSING = [name for name in ("sphinx", "myst_parser", "furo", "sphinx-mathjax-offline") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs pip install 'minigan[docs]' ({', '.join(MISSING)})")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site. -W: a warning is an error; -n: so is a reference without a target."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html", ROOT / "docs", out]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    assert not done.stderr.strip()
    return out


@pytest.fixture(scope="module")
def address(site):
    """The address of the site on a local server, which search and mathematics need."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_every_page_opens_without_an_error(site, address, browser):
    """No console error, no request that fails, all mathematics set, every image loaded; on a screen of 390 pixels."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(f"failed: {request.url}"))
    page.on(
        "response",
        lambda response: errors.append(f"{response.status}: {response.url}") if response.status > 399 else None,
    )
    page.on("request", lambda request: errors.append(f"outside: {request.url}") if address not in request.url else None)
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    assert len(pages) > 40
    for name in pages:
        page.goto(address + name)
        if page.locator(".math").count():
            page.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise")
            page.evaluate("MathJax.startup.promise")
            formulas = "[...document.querySelectorAll('span.math, div.math')]"
            unset = page.evaluate(f"{formulas}.filter(e => !e.querySelector('mjx-container')).length")
            assert unset == 0, f"{name}: {unset} formulas were not set"
            assert page.locator("mjx-merror").count() == 0, f"{name}: a formula that MathJax does not understand"
        broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
        assert not broken, f"{name}: {broken}"
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{name}: {overflow} pixels do not fit on a screen of 390"
    context.close()
    assert not errors


def test_every_link_inside_the_site_has_a_target(site, address, browser):
    page, broken = browser.new_page(), []
    anchors: dict[str, set[str]] = {}
    links = []
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        page.goto(address + name, wait_until="domcontentloaded")
        anchors[name] = set(page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)"))
        links += [(name, href) for href in page.evaluate("[...document.links].map(a => a.getAttribute('href'))")]
    page.close()
    for name, href in set(links):
        target, anchor = urldefrag(urljoin(f"{address}{name}", href))
        if not target.startswith(address):
            continue
        inside = unquote(urlparse(target).path).lstrip("/") or "index.html"
        if not (site / inside).is_file() or (
            anchor and inside.endswith(".html") and unquote(anchor) not in anchors[inside]
        ):
            broken.append(f"{name}: {href}")
    assert not broken


def test_search_finds_a_page(address, browser):
    page = browser.new_page()
    page.goto(address + "search.html?q=transposed")
    page.wait_for_selector("#search-results li")
    assert "transpose" in page.inner_text("#search-results").lower()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark(address, browser, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(address + "index.html")
    channels = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)")
    assert (sum(channels) > 600) == (scheme == "light")
    context.close()
