# SPDX-License-Identifier: Apache-2.0
"""What the page shows of texts, against what the API says of them."""
import json
import re

import numpy
import pytest

from conftest import MODEL, TINY

TEXTS = ["Machine learning", "Deep learning", "The weather is nice today", "It rains all day", "A cosine is an angle's, not a length's"]


def vectors_of(server, texts):
    return numpy.array(server.post("/api/v1/embed", {"model": MODEL, "inputs": texts})["embeddings"])


def cosines_of(server, texts):
    vectors = vectors_of(server, texts)
    unit = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
    return unit @ unit.T


def number(text):
    return float(text.replace("−", "-").replace(",", ""))


def test_the_examples_are_shown_at_once(page, server):
    page.open(server.url)
    texts = page.get("#texts").get_attribute("value").split("\n")
    assert len(texts) >= 6
    assert numpy.allclose(page.cosines(), cosines_of(server, texts), atol=1e-4)
    assert re.fullmatch(rf"{len(texts)} texts embedded in [\d.]+ ms\. Nearest: \d+ and \d+, 0\.\d{{4}}\.", page.text("#status"))
    assert page.problems() == []


def test_the_heat_map_holds_the_apis_cosines(page, server):
    page.open(server.url).embed(TEXTS)
    expected = cosines_of(server, TEXTS)
    assert numpy.allclose(page.cosines(), expected, atol=1e-4)
    shown = [[number(cell.text) for cell in row.find_elements("css selector", "td")] for row in page.all("#heat tbody tr")]
    assert numpy.allclose(shown, expected, atol=0.00501)
    headers = [cell.get_attribute("textContent") for cell in page.all("#heat tbody th")]
    assert headers == [f"{i + 1} {text}" for i, text in enumerate(TEXTS)]


def test_the_readout_names_the_nearest_pair_until_another_is_pointed_at(page, server):
    page.open(server.url).embed(TEXTS)
    expected = cosines_of(server, TEXTS)
    assert abs(number(page.text("#readout .value")) - expected[0][1]) < 1e-4 and "nearest pair" in page.text("#readout")
    cell = page.get("#heat td[data-row='2'][data-column='3']")
    page.js("arguments[0].dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))", cell)
    assert abs(number(page.text("#readout .value")) - expected[2][3]) < 1e-4
    assert TEXTS[2] in page.text("#readout") and TEXTS[3] in page.text("#readout")
    assert len(page.all("#map .point.marked")) == 2


def test_the_map_is_the_plane_of_the_principal_components(page, server):
    page.open(server.url).embed(TEXTS)
    vectors = vectors_of(server, TEXTS)
    left, values, _ = numpy.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    plane = left[:, :2] * values[:2]
    shown = numpy.array(page.js("return [...document.querySelectorAll('#map circle')].map((c) => [c.cx.baseVal.value, c.cy.baseVal.value])"))
    pairs = [(i, j) for i in range(len(TEXTS)) for j in range(i)]
    far = numpy.array([numpy.linalg.norm(plane[i] - plane[j]) for i, j in pairs])
    drawn = numpy.array([numpy.linalg.norm(shown[i] - shown[j]) for i, j in pairs])
    assert numpy.allclose(drawn / drawn.max(), far / far.max(), atol=1e-3)
    share = (values[:2] ** 2).sum() / (values**2).sum()
    assert f"they hold {round(share * 100)} % of" in page.text("#map-share")


@pytest.mark.parametrize("n, width", [(8, 1280), (40, 1280), (200, 1280), (30, 360)])
def test_labels_of_the_map_do_not_overlap(page, server, n, width):
    page.look(width=width)
    words = "sea harbour bread flour password login music violin garden winter engine wheel river stone law court".split()
    page.open(server.url).embed([f"{words[i % 16]} and {words[(i * 7 + i // 16) % 16]} {i}" for i in range(n)])
    boxes = page.js("return [...document.querySelectorAll('#map text')].map((t) => { const b = t.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height] })")
    assert len(boxes) >= min(n, 8) // 2
    room = page.js("const s = document.querySelector('#map svg'); return [s.clientWidth, s.clientHeight]")
    for i, a in enumerate(boxes):
        assert a[0] >= 0 and a[1] >= 0 and a[2] <= room[0] and a[3] <= room[1]
        for b in boxes[:i]:
            across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            assert across <= 2 or down <= 2, (a, b)


def test_first_values_and_tokens_are_the_apis(page, server):
    texts = TEXTS[:2] + ["Hello! @#$% 世界 🌍", "unbelievable tokenization"]
    page.open(server.url).embed(texts)
    vectors, tokens = vectors_of(server, texts), server.post("/tokenize", {"inputs": texts})
    for i, item in enumerate(page.all("#each > li")):
        values = [number(span.text) for span in item.find_elements("css selector", ".values span")]
        assert len(values) == 6 and numpy.allclose(values, vectors[i][:6], atol=5.1e-5)
        shown = item.find_elements("css selector", ".token")
        assert [int(t.find_element("css selector", ".id").text) for t in shown] == [t["id"] for t in tokens[i]]
        assert ["special" in t.get_attribute("class") for t in shown] == [t["special"] for t in tokens[i]]
        assert [t.find_element("css selector", ".name").text for t in shown] == [t["text"] for t in tokens[i]]
        assert item.find_element("css selector", ".count").text == f"{len(tokens[i])} tokens"


def test_a_text_longer_than_the_model_reads_says_so(page, server):
    page.open(server.url).embed(["word " * 400, "short"])
    assert page.get("#each > li .count").text == "402 tokens, of which the model reads 256"
    assert len(page.get("#each > li").find_elements("css selector", ".token")) == 300
    assert "and 102 more" in page.get("#each > li .tokens").text


def test_time_is_split_into_what_the_server_says_and_the_rest(page, server):
    page.open(server.url).embed(TEXTS)
    total = number(page.text("#timing-total").split()[0])
    parts = {div.get_attribute("class"): number(div.find_element("css selector", "dd").text.split()[0]) for div in page.all("#timing-parts > div")}
    assert set(parts) == {"queue", "tokenization", "inference", "rest", "sum"}
    assert parts["inference"] > 0
    assert parts.pop("sum") == server.post("/api/v1/embed", {"inputs": TEXTS})["usage"]["total_tokens"]
    assert abs(sum(parts.values()) - total) <= 0.02 * total + 0.1


def test_markup_is_text(page, server):
    texts = ["<img src=x onerror=\"window.hacked=1\">", "<script>window.hacked=1</script>", "</textarea><svg onload=window.hacked=1>", "&lt;b&gt; &amp;"]
    page.open(server.url).embed(texts)
    assert [span.get_attribute("textContent") for span in page.all("#each .title .text")] == texts
    assert page.js("return [document.images.length, document.scripts.length, typeof window.hacked]") == [1, 1, "undefined"]
    assert page.problems() == []


def test_empty_lines_are_passed_over_and_lines_are_numbered_as_results_are(page, server):
    page.open(server.url).embed(["", "first", "   ", "second", "\t", "third", ""])
    assert [span.text for span in page.all("#each .title .text")] == ["first", "second", "third"]
    numbers = page.js("return [...document.querySelectorAll('#lines > div')].map((line) => line.dataset.number || '')")
    assert numbers == ["", "1", "", "2", "", "3", ""]


@pytest.mark.parametrize("texts", [["alone"], ["one", "two"], ["the same", "the same", "the same"]])
def test_few_texts_and_equal_ones(page, server, texts):
    page.open(server.url).embed(texts)
    assert numpy.allclose(page.cosines(), cosines_of(server, texts), atol=1e-4)
    assert page.text("#error") == "" and page.problems() == []
    assert len(page.all("#map circle")) == (3 if len(texts) == 3 else 0)


def test_two_hundred_texts_are_drawn_and_one_more_is_refused_in_words(page, server):
    texts = [f"text number {i}" for i in range(201)]
    page.open(server.url).embed(texts[:200])
    assert page.js("return document.querySelectorAll('#heat td[data-cosine]').length") == 40000
    assert page.js("return document.querySelectorAll('#each > li').length") == 200
    page.embed(texts)
    assert "That is 201 texts." in page.text("#error") and "200" in page.text("#error")
    page.embed(["", " "])
    assert "There is no text yet." in page.text("#error")


def test_the_models_facts_and_a_choice_where_there_are_several(page, start):
    server = start("--model", MODEL, "--model", str(TINY))
    page.open(server.url)
    models = json.loads(server.ask("GET", "/api/v1/models")[2])["models"]
    options = page.all("#model option")
    assert [option.text for option in options] == [model["name"] for model in models] and len(models) == 2
    for option, model in zip(options, models):
        option.click()
        for fact in (model["name"], str(model["dimension"]), f"{model['max_seq_length']} tokens", model["dtype"], model["device"]):
            assert fact in page.text("#facts")
        page.embed(["one", "two"])
        assert page.text("#error") == ""
        assert f"Its {model['dimension']} values" in page.text("#each-note")


def test_a_model_without_a_tokenizer_shows_no_tokens(page, start):
    server = start("--provider", "mock", "--model", "m")
    page.open(server.url, wait=False)
    page.wait(lambda: "shows no tokens" in page.text("#each-note"))
    assert page.text("#error") == "" and len(page.all("#each > li")) > 0


def test_nothing_is_asked_of_another_place(page, server):
    page.open(server.url).embed(TEXTS)
    asked = page.js("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked and all(name.startswith(server.url + "/") for name in asked), asked
