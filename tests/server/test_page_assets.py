# SPDX-License-Identifier: Apache-2.0
"""The page for people as it is served: types, headers, caching; and what its files must not hold. What it does is tested in tests/page, in a browser."""
import html.parser
import pathlib
import re

import pytest

FILES = pathlib.Path(__file__).resolve().parents[2] / "src/server/page"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
NAMES = sorted(path.name for path in FILES.iterdir())


def path_of(name):
    return "/" if name == "index.html" else f"/page/{name}"


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_a_file_is_served_as_it_stands_in_the_sources(server, name):
    reply = server.get(path_of(name))
    assert reply.status == 200
    assert reply.headers["Content-Type"] == TYPES[(FILES / name).suffix]
    assert reply.body == (FILES / name).read_bytes()


def test_nothing_but_the_pages_own_files_may_be_loaded(server, name):
    headers = server.get(path_of(name)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[key] for key in ("script-src", "style-src", "img-src", "connect-src")} == {"'self'"}
    assert {policy[key] for key in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_a_browser_asks_again_and_is_told_that_nothing_changed(server, name):
    first = server.get(path_of(name))
    assert first.headers["Cache-Control"] == "no-cache"
    tag = first.headers["ETag"]
    for given in (tag, "W/" + tag, f'"other", {tag}', "*"):
        again = server.get(path_of(name), **{"If-None-Match": given})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert server.get(path_of(name), **{"If-None-Match": '"0123456789abcdef"'}).status == 200


def test_files_have_tags_of_their_own(server):
    tags = {server.get(path_of(name)).headers["ETag"] for name in NAMES}
    assert len(tags) == len(NAMES)


def test_head_says_what_get_would(server, name):
    get, head = server.get(path_of(name)), server.ask("HEAD", path_of(name))
    assert (head.status, head.body) == (200, b"")
    for field in ("Content-Type", "Content-Length", "ETag", "Content-Security-Policy"):
        assert head.headers[field] == get.headers[field]


def test_other_methods_and_paths_are_refused(server):
    reply = server.ask("POST", "/page/page.css", {})
    assert (reply.status, reply.headers["Allow"], reply.json["error"]["code"]) == (405, "GET, HEAD", "invalid_input")
    for path in ("/page", "/page/", "/page/index.html", "/page/../page/page.js", "/page/%2e%2e/call.h", "/index.html"):
        assert server.get(path).status == 404, path


def test_the_page_needs_no_key_and_what_it_asks_for_does(start):
    server = start("--model", "m", env={"WICK_API_KEYS": "the-key-of-this-test"})
    for name in NAMES:
        reply = server.get(path_of(name))
        assert reply.status == 200 and b"the-key-of-this-test" not in reply.body
    for path in ("/metrics", "/api/v1/models"):
        assert server.get(path).status == 401
        assert server.get(path, Authorization="Bearer the-key-of-this-test").status == 200


def test_no_file_names_another_place(name):
    text = (FILES / name).read_text()
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9][^\s\"'`)]*", re.sub(r"^\s*//.*$", "", text, flags=re.M)))
    assert addresses <= {"http://www.w3.org/2000/svg"}, addresses  # a namespace, which is no request
    assert "@import" not in text and "@font-face" not in text


class Markup(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.inline = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in ("script", "style") and data.strip():
            self.inline.append(data)


def test_the_markup_holds_no_script_no_style_and_only_files_that_are_served(server):
    markup = Markup()
    markup.feed((FILES / "index.html").read_text())
    assert not markup.inline
    for tag, attributes in markup.tags:
        assert tag != "style" and "style" not in attributes
        assert not [key for key in attributes if key.startswith("on")], tag
        for key in ("src", "href"):
            if key in attributes:
                assert server.get(attributes[key]).status in (200, 503), attributes[key]  # /health may not be well yet
    labelled = {attributes.get("for") for tag, attributes in markup.tags if tag == "label"}
    fields = {attributes["id"] for tag, attributes in markup.tags if tag in ("input", "textarea", "select")}
    assert fields <= labelled


def test_the_scripts_put_texts_in_as_texts_and_keep_keys_out_of_addresses():
    for path in FILES.glob("*.js"):
        code = path.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "localStorage", "document.cookie",
                     "location.search", "location.hash", "history.", "createPolicy"):
            assert word not in code, f"{path.name}: {word}"


def test_scripts_import_only_what_is_served(server):
    for path in FILES.glob("*.js"):
        for other in re.findall(r"from \"(.*)\"", path.read_text()):
            assert other.startswith("./") and (FILES / other[2:]).is_file(), other
            assert server.get(f"/page/{other[2:]}").status == 200
