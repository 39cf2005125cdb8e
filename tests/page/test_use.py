# SPDX-License-Identifier: Apache-2.0
"""The page in use: light and dark, on a phone, by keyboard, with a key, when something goes wrong, and the server's live figures."""
import re
import time

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from conftest import MODEL

TEXTS = ["Machine learning", "Deep learning", "The weather is nice today"]
LONG = ["word" * 120, "<img src=x onerror=alert(1)> and " + "many words " * 60, "https://host.example/" + "path/" * 40, "ok"]

# The contrast (WCAG) of every piece of text that can be seen against what lies behind it: [ratio, text]. Large text is held to the same.
CONTRASTS = """
const parse = (css) => (css.match(/[\\d.]+/g) || []).map(Number);
const channel = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const ground = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const color = parse(getComputedStyle(at).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
  return [255, 255, 255];
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  const style = getComputedStyle(node);
  if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest('.hidden, .lines, .self, title, noscript, script')) continue;
  if (parseFloat(style.fontSize) < 1 || (node.matches('.text') && style.position === 'absolute')) continue;
  const ink = light(parse(node.ownerSVGElement ? style.fill : style.color));
  const back = light(ground(node.ownerSVGElement ? node.ownerSVGElement : node));
  found.push([(Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05), walker.currentNode.data.trim().slice(0, 40)]);
}
return found;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_light_and_dark(page, server, scheme):
    page.look(scheme=scheme, motion="reduce")
    page.open(server.url).embed(["Machine learning", "Deep learning", "Deep learning", "deep learning!", "The weather is nice today", "-1"])
    ground = page.js("return getComputedStyle(document.documentElement).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", ground)[:3])) > 600 if scheme == "light" else sum(map(int, re.findall(r"\d+", ground)[:3])) < 150
    contrasts = page.js(CONTRASTS)
    assert len(contrasts) > 60
    assert min(contrasts)[0] >= 4.5, sorted(contrasts)[:5]


def test_a_change_of_scheme_repaints_the_drawings(page, server):
    page.look(motion="reduce")
    page.open(server.url)
    look = "return [getComputedStyle(document.querySelector('#heat td.pair')).backgroundColor, document.querySelector('.strip').toDataURL(), getComputedStyle(document.querySelector('.swatch')).backgroundColor]"
    light = page.js(look)
    page.look(scheme="dark", motion="reduce")
    page.wait(lambda: all(a != b for a, b in zip(light, page.js(look))))
    page.look(motion="reduce")
    page.wait(lambda: page.js(look) == light)


def test_colours_change_in_lightness_alone_away_from_zero(page, server):
    """So that the scale is read without telling hues apart."""
    page.open(server.url)
    for scheme in ("light", "dark"):
        page.look(scheme=scheme)
        lights = page.module("""
            const { colorOf } = await import('/page/color.js');
            const light = (rgb) => { const [r, g, b] = rgb.map((c) => (c / 255) ** 2.2); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
            return Array.from({ length: 41 }, (_, k) => light(colorOf(k / 20 - 1)));""")
        away = [lights[20:], lights[20::-1]]
        for arm in away:
            arm = arm if scheme == "dark" else [-value for value in arm]
            assert all(b > a for a, b in zip(arm, arm[1:]))


def test_motion_only_where_it_is_wanted(page, server):
    moving = "return [...document.querySelectorAll('*')].some((node) => parseFloat(getComputedStyle(node).transitionDuration) > 0 || getComputedStyle(node).animationName !== 'none')"
    page.open(server.url)
    assert page.js(moving)
    page.look(motion="reduce")
    assert not page.js(moving)


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_the_page_never_scrolls_sideways(page, server, width):
    page.look(width=width, height=740)
    page.open(server.url)
    for texts in (None, LONG, [f"text {i}" for i in range(60)], [f"text {i}" for i in range(201)]):
        page.embed(texts)
        assert page.js("return document.documentElement.scrollWidth") == width, texts and len(texts)
    page.get("#access summary").click()
    assert page.js("return document.documentElement.scrollWidth") == width
    box = page.js("const b = document.querySelector('#access form').getBoundingClientRect(); return [b.left, b.right]")
    assert box[0] >= 0 and box[1] <= width


# ---- by keyboard ----


def focused(page):
    return page.js("const a = document.activeElement; return a.id || a.className || a.tagName")


def press(page, *keys):
    ActionChains(page.driver).send_keys(*keys).perform()


def test_everything_works_by_keyboard_alone(page, server):
    page.open(server.url)
    seen = []
    for _ in range(12):
        press(page, Keys.TAB)
        seen.append(focused(page))
        # Focus shows: an outline on the element, or on the frame that the text box fills.
        outline = page.js("const a = document.activeElement, b = a.id === 'texts' ? a.parentElement : a; const s = getComputedStyle(b); return [s.outlineStyle, parseFloat(s.outlineWidth)]")
        assert outline[0] != "none" and outline[1] >= 1, (seen[-1], outline)
        if seen[-1] == "curl":
            break
    assert [name for name in seen if name in ("texts", "embed", "curl")] == ["texts", "embed", "curl"], seen
    assert any("pair" in name or "self" in name for name in seen), seen

    while focused(page) != "SUMMARY":
        press(page, Keys.TAB)
    press(page, Keys.ENTER, Keys.TAB)  # the field for a key opens and is left again
    assert focused(page) == "key"
    press(page, Keys.ESCAPE)
    assert focused(page) == "SUMMARY" and not page.get("#access").get_attribute("open")
    while focused(page) != "texts":
        press(page, Keys.TAB)
    ActionChains(page.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
    press(page, "Deep learning", Keys.ENTER, "The weather is nice today", Keys.ENTER, "Machine learning")
    ActionChains(page.driver).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()
    page.wait(lambda: "3 texts embedded" in page.text("#status"))
    page.wait(page.is_idle)
    assert focused(page) == "texts"  # nothing takes the focus away
    assert page.get("#texts").get_attribute("value").count("\n") == 2

    press(page, Keys.TAB, Keys.ENTER)  # the button
    page.wait(page.is_idle)
    assert focused(page) == "embed"
    press(page, Keys.TAB)
    press(page, Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    place = "const a = document.activeElement; return [a.dataset.row, a.dataset.column]"
    assert page.js(place) == ["1", "2"]
    assert "The weather is nice today" in page.text("#readout") and "Machine learning" in page.text("#readout")
    press(page, Keys.ARROW_RIGHT, Keys.HOME, Keys.ARROW_UP, Keys.ARROW_UP)
    assert page.js(place) == ["0", "0"]
    press(page, Keys.TAB)
    assert page.js(place) == [None, None]  # one stop, not nine


def test_what_happens_is_announced(page, server):
    page.open(server.url)
    assert page.get("#status").get_attribute("role") == "status" and page.get("#error").get_attribute("role") == "alert"
    unnamed = page.js("""return [...document.querySelectorAll('button, input, textarea, select, summary, a, section, [role=region], [role=img], pre[tabindex]')]
        .filter((node) => !(node.textContent.trim() && !node.matches('section, textarea')) && !node.getAttribute('aria-label') && !node.getAttribute('aria-labelledby')
            && !(node.labels && node.labels.length)).map((node) => node.outerHTML.slice(0, 80))""")
    assert unnamed == []
    assert page.js("return document.querySelector('#heat caption').textContent.length > 0")
    assert page.js("return document.documentElement.lang") == "en"


# ---- when something goes wrong ----


@pytest.mark.parametrize("status, message, fields, words", [
    (429, "the queue is full; try again after the time in Retry-After", {"Retry_After": "2"}, ["The server is busy.", "The queue is full.", "Try again in 2 seconds."]),
    (503, "the model keeps failing and rests", {"Retry_After": "1"}, ["The server cannot embed just now.", "The model keeps failing and rests.", "in 1 second."]),
    (500, "the model made a value that is not finite", {}, ["The server failed.", "The model made a value that is not finite."]),
    (413, "too large", {}, ["more than the server takes"]),
    (404, "no model m; there is x", {}, ["The server does not have that.", "No model m; there is x."]),
    (400, "<img src=x onerror=window.hacked=1>", {}, ["The server refused the request.", "<img src=x onerror=window.hacked=1>"]),
])
def test_what_the_server_refuses_is_told_in_words(page, server, meddle, status, message, fields, words):
    proxy = meddle(server)
    page.open(proxy.url)
    proxy.refuse("/api/v1/embed", status, message, **fields)
    page.embed(TEXTS)
    shown = page.text("#error")
    for word in words:
        assert word in shown, shown
    assert "Retry-After" not in shown
    assert page.js("return [typeof window.hacked, document.images.length]") == ["undefined", 1]
    assert "stale" in page.get("#results").get_attribute("class")
    proxy.answers.clear()
    page.embed(TEXTS)
    assert page.text("#error") == "" and "stale" not in page.get("#results").get_attribute("class")


@pytest.mark.parametrize("answer, words", [
    ("hang up", "The server does not answer."),
    ((502, [("Content-Type", "text/html")], b"<h1>Bad gateway</h1>"), "The server failed. Status 502."),
    ((200, [("Content-Type", "application/json")], b'{"embeddings": [[1,'), "could not be read"),
    ((200, [("Content-Type", "application/json")], b'{"embeddings": [[1, 2]]}'), "another number of vectors"),
    ((200, [("Content-Type", "application/json")], b"null"), "could not show the result"),
])
def test_a_broken_answer_is_told_in_words(page, server, meddle, answer, words):
    proxy = meddle(server)
    page.open(proxy.url)
    proxy.answers["/api/v1/embed"] = answer
    page.embed(TEXTS)
    assert words in page.text("#error")
    assert page.is_idle()


# ---- a server with keys ----


def test_a_key_is_asked_for_used_and_kept_out_of_sight(page, start):
    server = start("--model", MODEL, env={"WICK_API_KEYS": "right-key"})
    page.open(server.url, wait=False)
    page.wait(lambda: page.get("#access").get_attribute("open"))
    page.wait(lambda: "ask for an API key" in page.text("#live-note"))
    assert page.text("#error") == "" and not page.get("#results").is_displayed()
    assert page.get("#empty").text == "This server asks for an API key."
    page.get("#key").send_keys("wrong-key", Keys.ENTER)
    page.wait(lambda: "does not know this API key" in page.text("#error"))
    page.get("#key").send_keys("right-key", Keys.ENTER)
    page.wait_for(".token")
    assert page.text("#error") == "" and not page.get("#access").get_attribute("open")
    page.wait(lambda: page.get("#live dl").is_displayed())
    assert page.driver.current_url == server.url + "/"
    assert page.js("return [localStorage.length, document.cookie, performance.getEntriesByType('resource').some((e) => e.name.includes('key'))]") == [0, "", False]
    assert "right-key" not in page.js("return document.documentElement.outerHTML") and page.get("#key").get_attribute("value") == ""
    assert "Bearer $KEY" in page.text("#curl")
    page.driver.refresh()  # the tab remembers it
    page.wait_for(".token")
    assert "right-key" not in server.log.read_text()


# ---- the server's figures ----


def figures(page):
    return {div.find_element("css selector", "dt").text: div.find_element("css selector", "dd").get_attribute("textContent") for div in page.all("#live-figures > div")}


def test_live_figures_move_with_the_server(page, server):
    page.open(server.url)
    for _ in range(4):
        for _ in range(10):
            server.post("/api/v1/embed", {"inputs": ["some text"]})
        time.sleep(0.6)
    page.wait(lambda: re.match(r"[\d.]+ a second", figures(page)["Requests"]) and float(figures(page)["Requests"].split()[0]) > 2)
    shown = figures(page)
    assert float(shown["Tokens"].split()[0]) > 8
    median, late = (float(shown[name].split()[1]) for name in ("Latency, median", "Latency, 95 %"))
    assert shown["Latency, median"].startswith("≈") and 0 < median <= late
    assert re.match(r"\d+ requests, \d+ tokens", shown["Queue"]) and float(shown["Memory"].split()[0]) > 10
    assert len(page.all("#live polyline")) >= 4
    assert "Rates and latencies over the last" in page.text("#live-note")


def test_the_page_looks_once_a_second_while_it_is_seen_and_keeps_quiet_without_a_key(page, server, meddle):
    proxy = meddle(server)
    page.open(proxy.url)
    began = time.monotonic()
    before = proxy.asked.count("/metrics")
    time.sleep(3)
    looks, seconds = proxy.asked.count("/metrics") - before, time.monotonic() - began
    assert 1 <= looks <= seconds + 1
    proxy.refuse("/metrics", 401, "no key")
    page.wait(lambda: "ask for an API key" in page.text("#live-note"))
    asked = proxy.asked.count("/metrics")
    time.sleep(2.5)
    assert proxy.asked.count("/metrics") == asked
    assert page.text("#error") == "" and not page.get("#live dl").is_displayed()


def test_a_hidden_page_does_not_look(page, server, meddle):
    proxy = meddle(server)
    page.open(proxy.url)
    hide = "Object.defineProperty(document, 'hidden', { configurable: true, get: () => %s }); document.dispatchEvent(new Event('visibilitychange'))"
    page.js(hide % "true")
    time.sleep(1)
    asked = proxy.asked.count("/metrics")
    time.sleep(2)
    assert proxy.asked.count("/metrics") == asked
    page.js(hide % "false")
    page.wait(lambda: proxy.asked.count("/metrics") >= asked + 2)


def test_latencies_come_from_what_was_added_to_the_buckets(page, server):
    page.open(server.url)
    found = page.module(r"""
        const { readMetrics, quantile } = await import('/page/live.js');
        const text = (counts, more = '') => counts.map((n, k) =>
            `wick_request_duration_seconds_bucket{route="/embed",le="${['0.001', '0.01', '+Inf'][k]}"} ${n}`).join('\n') + '\n' + more;
        const before = readMetrics(text([1000, 1000, 1000]), 0);
        const after = readMetrics(text([1000, 1100, 1100], '# HELP x\nwick_requests_total{route="/health",status="200"} 50\n'
            + 'wick_requests_total{route="/embed",status="200"} 7\nwick_requests_total{route="/embed",status="429"} 2\n'
            + 'wick_tokens_total{model="a \\"b\\" } c"} 11\nwick_tokens_total{model="d"} 1.2e1\n'), 1);
        return [quantile(before, after, 0.5), quantile(before, after, 0.95), quantile(before, before, 0.5), after.requests, after.refused, after.tokens,
            quantile(readMetrics(text([0, 0, 0]), 0), readMetrics(text([0, 0, 5]), 1), 0.5)];""")
    # All hundred lie between 1 and 10 ms; those beyond the last bound are said to be at it.
    assert found == pytest.approx([0.0055, 0.00955, None, 9, 2, 23, 0.01])
