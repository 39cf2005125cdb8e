# SPDX-License-Identifier: Apache-2.0
"""The page in headless Chromium (`make page`), before a live server with the real model. WICK_BUILD names the build folder, else build/."""
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
TINY = ROOT / "tests/fixtures/tiny-bert"
FOREIGN = ("WICK_CONFIG", "WICK_DEVICE", "CANDLE_DEVICE", "WICK_LOG", "RUST_LOG", "WICK_API_KEYS")


class Server:
    """A `wick serve` of its own."""

    def __init__(self, folder, *arguments, env=None):
        binary = ROOT / os.environ.get("WICK_BUILD", "build") / "wick"
        port_file, self.log = folder / "port", folder / "log"
        base = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        base["XDG_CONFIG_HOME"] = str(folder / "no-config")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([str(binary.resolve()), "serve", "--port", "0", "--port-file", str(port_file), *arguments],
                                            cwd=folder, env={**base, **(env or {})}, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not (port_file.exists() and port_file.read_text().endswith("\n")):
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        self.port = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, headers=None):
        """(status, header fields, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers or {})
        reply = connection.getresponse()
        done = (reply.status, reply.getheaders(), reply.read())
        connection.close()
        return done

    def post(self, path, body):
        status, _, reply = self.ask("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        assert status == 200, reply
        return json.loads(reply)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=30) == 0, self.log.read_text()


class Meddler:
    """Stands between browser and server: passes everything on, but for paths that a test has taken over."""

    def __init__(self, server):
        outer, self.answers, self.asked = self, {}, []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append(self.path)
                answer = outer.answers.get(self.path)
                if answer == "hang up":
                    self.close_connection = True
                    return
                kept = {key: value for key, value in self.headers.items() if key.lower() in ("authorization", "content-type", "if-none-match")}
                status, fields, reply = answer or server.ask(self.command, self.path, body or None, kept)
                self.send_response_only(status)
                for key, value in fields:
                    if key.lower() not in ("content-length", "connection"):
                        self.send_header(key, value)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            do_GET = do_POST = pass_on

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def refuse(self, path, status, message, **fields):
        body = json.dumps({"error": {"code": "internal", "message": message}}).encode()
        self.answers[path] = (status, [("Content-Type", "application/json"), *((key.replace("_", "-"), value) for key, value in fields.items())], body)

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


class Page:
    """The browser, at the page."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, url, wait=True):
        self.driver.get_log("browser")
        self.driver.get(url)
        if wait:
            self.wait_for("[id=results]:not([hidden]) .token")
        return self

    def look(self, width=1280, height=900, scheme="light", motion="no-preference"):
        command = self.driver.execute_cdp_cmd
        command("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
        features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}]
        command("Emulation.setEmulatedMedia", {"features": features})

    def js(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def module(self, code):
        """The value of an async function's body."""
        done = self.driver.execute_async_script(
            "const done = arguments[0]; (async () => {" + code + "})().then((value) => done({value}), (error) => done({error: String(error)}))")
        assert "error" not in done, done["error"]
        return done["value"]

    def get(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        """All of its text, what is visually hidden too."""
        return self.get(selector).get_attribute("textContent")

    def wait(self, condition, message="", seconds=20):
        return WebDriverWait(self.driver, seconds, poll_frequency=0.05).until(lambda _: condition(), message)

    def wait_for(self, selector, seconds=20):
        self.wait(lambda: self.all(selector), selector, seconds)

    def is_idle(self):
        return self.get("#embed").get_attribute("aria-disabled") != "true"

    def write(self, texts):
        self.js("const box = document.getElementById('texts'); box.value = arguments[0]; box.dispatchEvent(new Event('input'))", "\n".join(texts))

    def embed(self, texts=None):
        """Embeds texts, waits for vectors and tokens or the error."""
        if texts is not None:
            self.write(texts)
        self.wait(self.is_idle)
        self.get("#embed").click()
        self.wait(self.is_idle)
        return self

    def cosines(self):
        return self.js("return [...document.querySelectorAll('#heat tbody tr')].map((row) => [...row.querySelectorAll('td')].map((cell) => Number(cell.dataset.cosine)))")

    def problems(self):
        """What the browser complains of: errors of scripts, of the Content-Security-Policy, of loading."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


def open_browser():
    options = webdriver.ChromeOptions()
    browser, helper = shutil.which("chromium"), shutil.which("chromedriver")
    if browser:
        options.binary_location = browser
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(helper) if helper else None)
    driver.set_script_timeout(30)
    return driver


@pytest.fixture(scope="session")
def driver():
    driver = open_browser()
    yield driver
    driver.quit()


@pytest.fixture
def page(driver):
    page = Page(driver)
    page.look()
    yield page
    driver.execute_script("try { sessionStorage.clear() } catch {}")
    driver.get("about:blank")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    own = Server(tmp_path_factory.mktemp("server"), "--model", MODEL)
    yield own
    own.stop()


@pytest.fixture
def start(tmp_path):
    """start("--flag", ...): a server of the test's own."""
    servers = []

    def begin(*arguments, env=None):
        servers.append(Server(tmp_path, *arguments, env=env))
        return servers[-1]

    yield begin
    for own in servers:
        own.stop()


@pytest.fixture
def meddle():
    """meddle(server): a proxy before it."""
    proxies = []

    def begin(server):
        proxies.append(Meddler(server))
        return proxies[-1]

    yield begin
    for proxy in proxies:
        proxy.stop()
