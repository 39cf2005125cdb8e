# SPDX-License-Identifier: Apache-2.0
"""Abuse of the bodies, over raw sockets: documents that are no JSON, values that are no values, and every field of every dialect with every wrong type.
Generated from tables, once against the mock provider and once against the native engine with a small model: each body gets the right answer or a
refusal in its dialect's form, vectors are finite and as many as there were texts, and the server answers well afterwards."""
import base64
import json
import math
import pathlib

import pytest

import raw

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_TEXTS, MAX_BODY = 50, 100000
REFUSED = {400, 422}  # 422: as Text Embeddings Inference has it
tally = raw.Tally()


@pytest.fixture(scope="module", params=["mock", "candle"])
def server(request, launch, tmp_path_factory):
    """In place of conftest's: the same limits for both providers."""
    limits = ("--max-body", str(MAX_BODY), "--max-texts", str(MAX_TEXTS))
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "mock":
        own = launch(folder, ("--model", "m", *limits))
    else:
        own = request.getfixturevalue("launch_candle")(folder, "--model", str(ROOT / "tests/fixtures/tiny-bert"), *limits)
    own.is_mock = request.param == "mock"
    yield own
    own.stop()


# ---- the dialects: what each field takes ----

# Each field's function (value, server): True: 200; False: refused; None: either, or 404.

def is_whole(value, least, most=2**31 - 1):
    return not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value) and value == int(value) and least <= value <= most


def texts(value, server):
    if isinstance(value, str):
        return True
    return isinstance(value, list) and 0 < len(value) and all(isinstance(text, str) for text in value)


def text(value, server):
    return isinstance(value, str)


def texts_or_ids(value, server):
    if texts(value, server):
        return True
    ids = lambda one: isinstance(one, list) and one and all(is_whole(item, 0) for item in one)
    if ids(value) or isinstance(value, list) and value and all(ids(one) for one in value):
        return False if server.is_mock else None  # the mock provider has no tokenizer; of the model's, most are too large
    return False


def id_lists(value, server):
    """/decode takes ids that name nothing, which decode to nothing."""
    ids = lambda one: isinstance(one, list) and all(is_whole(item, 0) for item in one)
    if isinstance(value, list) and value and (ids(value) or all(ids(one) for one in value)):
        return False if server.is_mock else None
    return False


def null_or(is_good):
    """Absent and null are the same."""
    return lambda value, server: value is None or is_good(value, server)


boolean = null_or(lambda value, server: isinstance(value, bool))
string = null_or(lambda value, server: isinstance(value, str) and "\0" not in value)
anything = lambda value, server: True
prompt = null_or(lambda value, server: value in ("query", "document") and not server.is_mock)


def model(value, server):
    """A name that is not served is 404, which the table's check knows."""
    return None if isinstance(value, str) and value and "\0" not in value else value is None or value == ""


def dimensions(value, server):
    return value is None or is_whole(value, 1, 384 if server.is_mock else 32)


def word(*words):
    return null_or(lambda value, server: value in words)


def pairs(value, server):
    return isinstance(value, dict) and isinstance(value.get("source_sentence"), str) and texts(value.get("sentences"), server) and \
        isinstance(value["sentences"], list)


EMBED_TEI = {"inputs": texts_or_ids, "model": model, "normalize": boolean, "truncate": boolean, "dimensions": dimensions, "prompt_name": prompt,
             "truncation_direction": word("Left", "Right", "left", "right"), "unknown": anything}
EMBED_OPENAI = {"input": texts_or_ids, "model": model, "encoding_format": word("float", "base64"), "dimensions": dimensions, "user": anything,
                "unknown": anything}
# path -> (a good body, {field: what it takes}, number of vectors in an answer's body)
ROUTES = {
    "/api/v1/embed": ({"inputs": "a"}, {"inputs": texts, "model": model, "normalize": boolean, "truncate": boolean, "dimensions": dimensions,
                                        "prompt_name": prompt, "precision": word("f32", "binary", "ubinary"), "ranges": null_or(lambda value, server: False),
                                        "dtype": word("f32"), "encoding_format": word("float", "base64", "int8", "binary"), "unknown": anything},
                      lambda reply: len(reply["embeddings"])),
    "/v1/embeddings": ({"input": "a"}, EMBED_OPENAI, lambda reply: len(reply["data"])),
    "/embeddings": ({"input": ["a"]}, EMBED_OPENAI, lambda reply: len(reply["data"])),
    "/embed": ({"inputs": "a"}, EMBED_TEI, len),
    "/": ({"inputs": "a"}, EMBED_TEI, len),
    "/invocations": ({"inputs": ["a"]}, EMBED_TEI, len),
    "/similarity": ({"inputs": {"source_sentence": "a", "sentences": ["b"]}}, {"inputs": pairs, "model": model, "unknown": anything}, None),
    "/tokenize": ({"inputs": "a"}, {"inputs": texts, "add_special_tokens": boolean, "prompt_name": prompt, "model": model, "unknown": anything}, None),
    "/decode": ({"ids": [5]}, {"ids": id_lists, "skip_special_tokens": boolean, "model": model, "unknown": anything}, None),
    "/api/embed": ({"input": "a"}, {"input": texts, "model": model, "truncate": boolean, "dimensions": dimensions, "unknown": anything, "keep_alive": anything,
                                    "options": anything}, lambda reply: len(reply["embeddings"])),
    "/api/embeddings": ({"prompt": "a"}, {"prompt": text, "model": model, "unknown": anything}, lambda reply: 1 if reply["embedding"] else 0),
    "/api/show": ({"model": ""}, {"model": model, "unknown": anything}, None),
}
NEEDS_TOKENIZER = {"/tokenize", "/decode"}
VALUES = [None, True, False, 0, 1, -1, 2, 3.0, 1.5, -0.5, 1e300, 2**31 - 1, 2**31, 2**53, 2**63 - 1, -2**63, "", "a", "query", " ", "true", "0", "null", "f32", "F32", "int4",
          "Float", "a\0b", "\0", "\ufeff", "\U0001f600", "\u202e", "x" * 5000, [], {}, [[]], [{}], [None], [True], ["a"], ["a", "b"], ["a", 1], ["a", None], ["a", ["b"]],
          [""], [1], [0, 1], [-1], [1.5], [2**31], [2**62], [[1]], [[1], []], [[1], [2, 3]], [[1], "a"], [[-1]], [[[1]]], [1, [2]], ["a" * 10000], {"a": 1},
          {"source_sentence": "a"}, {"source_sentence": "a", "sentences": []}, {"source_sentence": 1, "sentences": ["a"]}, {"source_sentence": "a", "sentences": "a"},
          {"source_sentence": "a", "sentences": ["b", 1]}, {"source_sentence": "a", "sentences": ["b", "c"]}, {"sentences": ["a"]}, {"inputs": "a"}]
# Documents that are no JSON, or none that may be taken; %s stands for the good body's field and value.
NOT_JSON = [b"", b" ", b"\r\n", b"{", b"}", b"[", b"nul", b"undefined", b"{]", b"{%s", b"{%s}}", b"{%s} x", b"{%s}{}", b"{%s},", b"[{%s}", b'{"a"}', b'{"a":}', b'{:1}', b'{,%s}', b"{%s,}", b"{%s,,}",
            b"{'a':1,%s}", b"{a:1,%s}", b"{\"a\" 1,%s}", b"{\"a\"=1,%s}", b"\xef\xbb\xbf{%s}", b"\xff\xfe{\x00}\x00", b"{%s}\x00", b"\x00{%s}", b"{%s /* x */}", b"{%s // x\n}", b"# x\n{%s}",
            b'{"a":1e999,%s}', b'{"a":-1e999,%s}', b'{"a":NaN,%s}', b'{"a":Infinity,%s}', b'{"a":-Infinity,%s}', b'{"a":01,%s}', b'{"a":.5,%s}', b'{"a":1.,%s}', b'{"a":+1,%s}',
            b'{"a":1e,%s}', b'{"a":0x10,%s}', b'{"a":--1,%s}', b'{"a":1_000,%s}', b'{"a":True,%s}', b'{"a":None,%s}', b'{"a":18446744073709551616,%s}', b'{"a":-9223372036854775809,%s}',
            b'{"a":' + b"9" * 5000 + b",%s}", b'{"a":"\\ud800",%s}', b'{"a":"\\udc00",%s}', b'{"a":"\\ud800\\u0041",%s}', b'{"a":"\\ud800\\ud800",%s}', b'{"a":"\\udfff\\ud800",%s}', b'{"a":"\\x41",%s}',
            b'{"a":"\\u12",%s}', b'{"a":"\\u12G4",%s}', b'{"a":"\\U00000041",%s}', b'{"a":"\\",%s}', b'{"a":"\\u",%s}', b'{"a":"\n",%s}', b'{"a":"\t",%s}', b'{"a":"\x00",%s}', b'{"a":"\x1f",%s}',
            b'{"a":"\xff",%s}', b'{"a":"\xc0\x80",%s}', b'{"a":"\xed\xa0\x80",%s}', b'{"a":"\xed\xa0\x80\xed\xb0\x80",%s}', b'{"a":"\xf5\x80\x80\x80",%s}', b'{"a":"\xf4\x90\x80\x80",%s}', b'{"a":"\xe2\x82",%s}',
            b'{"a":"\x80",%s}', b'{"a":"\xe0\x80\x80",%s}', b'{"a":"\xf0\x80\x80\x80",%s}', b'{"\xff":1,%s}', b'{"\\ud800":1,%s}', b'{"\\u0000":1,%s}', b'{"a":1,"a":1,%s}', b'{"a":1,"\\u0061":2,%s}',
            b'{%s,%s}', b'{"a":{"b":1,"b":2},%s}', b'{"a":' + b"[" * 10000 + b"]" * 10000 + b",%s}", b'{"a":' + b'{"b":' * 10000 + b"1" + b"}" * 10000 + b",%s}", b"[" * 10000, b'{"a":' * 10000,
            b'[{"a":' * 5000, b'{"a":' + b"[" * 3000 + b"]" * 3000 + b",%s}", b'"' + b"a" * 1000, b'{"' + b"a" * 50000, b"{%s" + b" " * 50000, b'{"a":"' + b"\\" * 50000, b"\x00" * 1000, b"\xff" * 1000, b"null", b"true",
            b"1", b'"a"', b"[]", b"[{}]", b'["a"]', b"1e999", b"-"]


def dump(body):
    return json.dumps(body, ensure_ascii=False).encode()


def member(body):
    return dump(body)[1:-1]


def n_texts(body):
    value = next((body[name] for name in ("inputs", "texts", "input", "prompt") if name in body), None)
    return len(value) if isinstance(value, list) and isinstance(value[0], (str, list)) else 1


def numbers(value):
    """Every number in a reply."""
    if isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from numbers(one)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def check_refused(path, answer):
    reply = json.loads(answer.body)
    error = reply["error"]
    if path in ("/embed", "/", "/invocations", "/similarity", "/tokenize", "/decode"):
        assert isinstance(error, str) and error and reply["error_type"] in ("Validation", "Tokenizer", "Empty"), reply
    elif path.startswith("/v1") or path == "/embeddings":
        assert error["message"] and error["type"] and "code" in error, reply
    else:
        assert error if isinstance(error, str) else error["message"] and error["code"], reply


def check(server, path, body, answer, good):
    """The answer to a body that is well-formed JSON."""
    if good and path in NEEDS_TOKENIZER and server.is_mock:
        good = False
    if answer.status != 200:
        assert good is not True and answer.status in REFUSED | {404}, f"{answer}"
        check_refused(path, answer)
        return
    assert good is not False, f"{answer}"
    reply = json.loads(answer.body, parse_constant=lambda name: pytest.fail(f"{name} in an answer"))
    assert all(math.isfinite(number) for number in numbers(reply))
    count = ROUTES[path][2]
    if count and body.get("encoding_format") in (None, "float"):
        assert count(reply) == n_texts(body), f"{answer}"


@pytest.mark.parametrize("path", ROUTES)
def test_documents_that_are_no_json(server, path):
    good = member(ROUTES[path][0])
    tally.run(server, [(raw.post(path, document.replace(b"%s", good)), REFUSED) for document in NOT_JSON])


@pytest.mark.parametrize("path", ROUTES)
def test_every_field_with_every_type(server, path):
    body, fields, _ = ROUTES[path]
    for field, is_good in fields.items():
        for value in VALUES:
            tally.n += 1
            changed = {**body, field: value}
            good = is_good(value, server)
            data = dump(changed)
            answer = raw.ask(server.port, path, data)
            try:
                check(server, path, changed, answer, good)
            except AssertionError as error:
                raise AssertionError(f"{path} {data[:200]!r}: {error}") from None
    raw.assert_well(server)


@pytest.mark.parametrize("path", ROUTES)
def test_numbers_at_the_edges(server, path):
    """Numbers that Python does not write, in each field: legal JSON that means the same, or nothing."""
    body, fields, _ = ROUTES[path]
    for field in fields:
        for number in (b"1E0", b"10e-1", b"1.0", b"0.1e1", b"-0", b"-0.0", b"1e-999", b"1e400", b"18446744073709551616", b"9" * 400, b"0." + b"0" * 500 + b"1", b"4.9e-324", b"1e308"):
            for shape in (b"%s", b"[%s]", b"[[%s]]"):
                tally.n += 1
                others = member({name: value for name, value in body.items() if name != field})
                data = b'{"' + field.encode() + b'":' + shape.replace(b"%s", number) + (b"," + others if others else b"") + b"}"
                answer = raw.ask(server.port, path, data)
                assert answer.status in REFUSED | {200}, (data, answer)
                if number in (b"1e400", b"18446744073709551616", b"9" * 400):
                    assert answer.status in REFUSED, (data, answer)
    raw.assert_well(server)


@pytest.mark.parametrize("path", [path for path, (_, fields, _) in ROUTES.items() if "model" in fields and path != "/api/show"])
def test_names_of_models(server, path):
    body = ROUTES[path][0]
    names = ["nothing", "../../../etc/passwd", "/etc/passwd", "a" * 10000, "%s%n%x", "\U0001f600", "m\n", " m", "M", "'; drop table", "<script>", "m:latest:latest"]
    for name in names:
        tally.n += 1
        answer = raw.ask(server.port, path, dump({**body, "model": name}))
        assert answer.status == 404 or path == "/api/embed" and answer.status in (200, 404), (name, answer)
        assert len(answer.body) < 2000
    raw.assert_well(server)


def test_too_many_texts_and_too_many_bytes(server):
    cases = []
    for path, name in (("/api/v1/embed", "inputs"), ("/v1/embeddings", "input"), ("/embed", "inputs"), ("/api/embed", "input"), ("/tokenize", "inputs")):
        refused = {413}
        cases += [(raw.post(path, dump({name: ["a"] * n})), refused) for n in (MAX_TEXTS + 1, MAX_TEXTS * 10)]
        cases += [(raw.post(path, dump({name: "a" * MAX_BODY})), refused), (raw.post(path, b" " * (MAX_BODY + 1)), refused)]
        if path != "/tokenize":
            cases += [(raw.post(path, dump({name: ["a"] * MAX_TEXTS})), {200}), (raw.post(path, dump({name: "a " * 45000})), {200}),
                      (raw.post(path, dump({name: "a"}) + b" " * (MAX_BODY - 20)), {200})]
    tally.run(server, cases)


def test_texts_that_are_hard_to_read(server):
    """All are valid texts."""
    hard = ["", " ", "\t\n\r", "\0", "\0" * 1000, "a\0b", "\ufffd" * 100, "\u0300" * 1000, "e" + "\u0301" * 5000, "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 50, "\u202e" * 100, "\U0010ffff",
            "\ufdd0\ufffe\uffff", "\u0130\u0131\u1e9e\ufb03" * 100, "\ufeff" * 10, "a" * 90000, "[CLS] [SEP] [PAD] [MASK] [UNK]", "\u3042\u4e00\uac00" * 5000, "\x7f\x80\x9f", "<|endoftext|>" * 100,
            "x" * 20000 + " " + "y" * 20000, "." * 50000, "\U000e0001" * 100, "##ing ##s", "\\u0000", "\"", "\\"]
    for one in hard:
        tally.n += 1
        answer = raw.ask(server.port, "/api/v1/embed", dump({"inputs": [one, "plain"], "encoding_format": "base64"}))
        assert answer.status == 200, (one[:50], answer)
        first, second = json.loads(answer.body)["embeddings"]
        assert len(base64.b64decode(first)) == len(base64.b64decode(second)) > 0
        tally.n += 1
        escaped = json.dumps({"inputs": one}).encode()  # the same with \u escapes
        again = raw.ask(server.port, "/embed", escaped)
        plain = raw.ask(server.port, "/embed", dump({"inputs": one}))
        assert (again.status, again.body) == (plain.status, plain.body) and again.status == (200 if len(escaped) <= MAX_BODY else 413), one[:50]
    raw.assert_well(server)


def test_token_ids(server):
    if server.is_mock:
        pytest.skip("the mock provider has no tokenizer")
    for path, name in (("/embed", "inputs"), ("/v1/embeddings", "input")):
        good = raw.ask(server.port, path, dump({name: [5, 6, 7]}))
        assert good.status == 200, good
        for ids in ([2**31 - 1], [10**6], [5, -1], [5, 2**31], [[5], [10**6]], [[5], [-1]], [[]], [5, "a"], [5, None], [5, [6]], [1.5], [5, True], [[5], 6], [[5], "a"]):
            tally.n += 1
            assert raw.ask(server.port, path, dump({name: ids})).status in REFUSED, ids
        long = raw.ask(server.port, path, dump({name: [5] * 20000}))
        assert long.status == 200, long
    raw.assert_well(server)


def test_no_text_is_repeated_in_an_error_or_in_the_log(server):
    secret = "the-text-of-a-user"
    for path, (body, fields, _) in ROUTES.items():
        for field in fields:
            if field == "model":
                continue
            for value in (secret, [secret, 1], {secret: secret}, [[secret]], {"source_sentence": secret, "sentences": secret}):
                tally.n += 1
                answer = raw.ask(server.port, path, dump({**body, field: value}))
                assert answer.status == 200 or secret.encode() not in answer.body, (path, field, answer)
        for document in (b'{"inputs":"%s', b'{"inputs":"%s" x', b'{"%s":', b'["%s', b'"%s"', b'{"inputs":"a","%s":1,"%s":2}'):
            tally.n += 1
            answer = raw.ask(server.port, path, document.replace(b"%s", secret.encode()))
            assert answer.status in REFUSED and secret.encode() not in answer.body, (path, document, answer)
    assert secret not in server.log_path.read_text()


def test_there_were_enough_of_them(server):
    assert tally.n >= 1000 or tally.n == 0  # 0: this test alone was asked for
