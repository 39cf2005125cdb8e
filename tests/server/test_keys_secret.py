# SPDX-License-Identifier: Apache-2.0
"""API keys stand nowhere but where they were set: not in logs of any level and form, not in metrics, answers or errors, while many ask with right and
wrong ones, in the right and in wrong places, and while the keys are read again."""
import json
import os
import signal
import threading

import pytest

import raw

KEYS = {"file": "key-in-the-file-0123456789", "environment": "key-in-the-environment-01234", "config": "key-in-the-config-0123456789", "new": "key-after-the-signal-01234567"}
WRONG = ["key-that-is-wrong-0123456789", KEYS["file"] + "x", KEYS["config"][:-1]]
TEXT = "words-of-a-user-0123456789"
SECRETS = [*KEYS.values(), *WRONG, TEXT]


def requests(i):
    """All places where a client may put a key, the right one and wrong ones."""
    body = json.dumps({"inputs": f"{TEXT} {i}", "input": TEXT}).encode()
    for key in [*KEYS.values(), *WRONG]:
        bearer = b"Authorization: Bearer " + key.encode()
        for path in ("/embed", "/v1/embeddings", "/api/embed", "/api/v1/embed", "/tokenize", "/nothing", f"/embed?key={key}", f"/v1/models/{key}", f"/{key}"):
            yield raw.post(path, body, bearer)
        yield raw.post("/embed", b'{"inputs":' + TEXT.encode(), bearer)
        yield raw.post("/v1/embeddings", json.dumps({"input": "a", "model": "m", "encoding_format": TEXT}).encode(), bearer)
        for header in (f"Authorization: Basic {key}", f"Authorization: {key}", f"Authorization: Bearer {key} {key}", f"X-Api-Key: {key}", f"Api-Key: {key}", f"Cookie: key={key}",
                       f"Authorization : Bearer {key}", f"Authorization: Bearer {key}\x01", f"Host: {key}.example"):
            yield raw.post("/embed", body, header.encode())
        yield raw.post("/embed", b"x" * 70000, bearer)  # too large
        yield b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + bearer + b"\r\nConnection: close\r\n\r\n"
        yield b"BREW /%s HTTP/1.1\r\nHost: localhost\r\n%s\r\nConnection: close\r\n\r\n" % (key.encode(), bearer)


def ask_all(server, answers, errors, n):
    try:
        for i in range(n):
            for request in requests(i):
                answers.extend(raw.send(server.port, request))
    except (AssertionError, OSError) as error:
        errors.append(error)


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_keys_and_texts_are_not_repeated(start, tmp_path, form):
    (tmp_path / "keys").write_text(KEYS["file"] + "\n")
    (tmp_path / "config.toml").write_text(f'[server]\napi_keys = ["{KEYS["config"]}"]\n')
    server = start("--model", "m", "--api-key-file", "keys", "--log-format", form, "--log-level", "debug", "--max-body", "60000",
                   env={"WICK_API_KEYS": KEYS["environment"]})
    answers, errors = [], []
    threads = [threading.Thread(target=ask_all, args=(server, answers, errors, 2)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number, content in enumerate(("\n".join([KEYS["file"], KEYS["new"]]), "short", "with blank " + KEYS["new"], "", KEYS["file"] + "\n"), 1):
        (tmp_path / "keys.new").write_text(content)
        os.replace(tmp_path / "keys.new", tmp_path / "keys")
        server.signal(signal.SIGHUP)
        server.wait_for_log('msg="SIGHUP: ' if form == "logfmt" else '"msg":"SIGHUP: ', number)
    for thread in threads:
        thread.join()
    assert not errors and len(answers) > 1000
    good = {"Authorization": "Bearer " + KEYS["environment"]}
    metrics = server.get("/metrics", **good).body.decode()
    statuses = {answer.status for answer in answers}
    assert {200, 401, 404, 413} <= statuses and not {status for status in statuses if status >= 500}, statuses
    texts = [answer.body.decode() + str(answer.headers) for answer in answers] + [metrics]
    texts += [server.get(path, **good).body.decode() for path in ("/api/v1/models", "/v1/models", "/info", "/openapi.json", "/health")]
    log = server.stop()
    assert log.count("request") > 1000
    for secret in SECRETS:
        assert secret not in log and secret not in "".join(texts), secret
    if form == "json":
        assert all(json.loads(line) for line in log.splitlines())


def test_a_key_that_cannot_be_taken_is_not_repeated(fails, tmp_path):
    for content in ("short-1", "with blank-" + KEYS["new"], "\u00e4" + KEYS["new"], KEYS["new"] * 100):
        (tmp_path / "keys").write_text(content + "\n")
        assert content[:7] not in fails("--api-key-file", "keys")
        assert content[:7] not in fails(env={"WICK_API_KEYS": "ok-" * 10 + "," + content.replace(" ", "\x01")})
    for value in (f'"{KEYS["new"]}"', f'["{KEYS["new"]}", 1]', f'[["{KEYS["new"]}"]]', f'{{ a = "{KEYS["new"]}" }}', f'["{KEYS["new"]}'):
        (tmp_path / "config.toml").write_text(f"[server]\napi_keys = {value}\n")
        assert KEYS["new"] not in fails()
