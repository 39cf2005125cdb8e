// SPDX-License-Identifier: Apache-2.0
// page.js: from the texts in the box to what is shown of them. Asks for the models once, for vectors and tokens when told to, and hands the rest to charts.js
// and live.js. Whatever comes from texts or the server goes in as text, never as markup.
import { ApiError, askJson, hasKey, setKey } from "./api.js";
import { drawLegend, drawStrip, fixed, HeatMap, make, PlaneMap, shorten } from "./charts.js";
import { onSchemeChange } from "./color.js";
import { Live, milliseconds } from "./live.js";
import { cosines, plane } from "./math.js";

const MAX_TEXTS = 200; // what the drawings can show; the API takes more
const MANY = 14; // texts: the drawings take the whole width
const FIRST_VALUES = 6;
const SHOWN_TOKENS = 300; // of one text
const MAX_NUMBERED = 500; // lines

const get = (id) => document.getElementById(id);
const state = { models: [], texts: [], rows: [], vectors: [], running: false };

const pointAt = (i, j) => {
  heat.mark(i, j);
  map.mark(i, j);
  showReadout(i, j);
};
const heat = new HeatMap(get("heat"), pointAt);
const map = new PlaneMap(get("map"), pointAt);
const live = new Live(get("live-figures"), get("live-note"), get("live"));

// ---- the box ----

function lines() {
  return get("texts").value.split(/\r\n|\r|\n/);
}

// The numbers beside the lines are those of the results: empty lines have none. Behind the box lies its text once more, unseen, wrapped as the box wraps
// it; the numbers stand at its lines.
function number() {
  let n = 0;
  get("lines").replaceChildren(
    ...lines().slice(0, MAX_NUMBERED).map((line) => {
      const node = make("div", {}, line || "\u200b");
      if (line.trim()) node.dataset.number = String(++n);
      return node;
    }),
  );
  follow();
}

function follow() {
  const box = get("texts");
  get("lines").style.width = `${box.clientWidth}px`; // less its scroll bar
  get("lines").style.transform = `translateY(${-box.scrollTop}px)`;
}

// ---- the models ----

function modelNamed(name) {
  return state.models.find((model) => model.name === name) || state.models[0];
}

function chosenModel() {
  return modelNamed(get("model").value);
}

function fact(name, value) {
  return make("div", {}, make("dt", {}, name), make("dd", {}, value));
}

function showFacts() {
  const model = chosenModel();
  if (!model) {
    get("facts").replaceChildren(fact("model", "none is loaded"));
    return;
  }
  get("facts").replaceChildren(
    fact("model", model.name),
    fact("values", String(model.dimension)),
    fact("reads", `${model.max_seq_length} tokens`),
    fact("computes in", model.dtype),
    fact("on", [model.device, model.provider].filter(Boolean).join(", ")),
  );
  get("facts").firstChild.title = model.name;
}

async function loadModels() {
  const { body } = await askJson("/api/v1/models");
  state.models = (body.models || []).filter((model) => model.loaded !== false);
  const before = get("model").value;
  get("model").replaceChildren(...state.models.map((model) => make("option", { value: model.name }, model.name)));
  if (state.models.some((model) => model.name === before)) get("model").value = before;
  get("model-field").hidden = state.models.length < 2;
  showFacts();
}

// ---- messages ----

function say(text) {
  get("status").textContent = text;
}

function showError(error) {
  const known = error instanceof ApiError ? error : new ApiError(0, "The page could not show the result.", String(error?.message || error));
  get("error").replaceChildren(make("strong", {}, known.title), " ", make("span", {}, known.detail));
  get("results").classList.add("stale");
  if (known.status === 401) get("access").open = true;
}

function clearError() {
  get("error").replaceChildren();
  get("results").classList.remove("stale");
}

// ---- a run ----

function collect() {
  const texts = lines().filter((line) => line.trim());
  if (texts.length === 0) throw new ApiError(0, "There is no text yet.", "Write one a line.");
  if (texts.length > MAX_TEXTS)
    throw new ApiError(0, `That is ${texts.length} texts.`, `This page draws up to ${MAX_TEXTS}; the API takes more in one request.`);
  return texts;
}

async function run() {
  if (state.running) return;
  clearError();
  setRunning(true);
  try {
    const texts = collect();
    if (state.models.length === 0) await loadModels().catch(() => {}); // the request itself says what is wrong
    const model = chosenModel()?.name;
    const named = model ? { model } : {};
    const reply = await askJson("/api/v1/embed", { ...named, inputs: texts });
    show(texts, reply, model);
    await showTokens(texts, named);
  } catch (error) {
    showError(error);
  } finally {
    setRunning(false);
  }
}

function setRunning(running) {
  state.running = running;
  const button = get("embed");
  button.setAttribute("aria-disabled", String(running)); // disabled itself would take the focus away
  button.textContent = running ? "Embedding…" : "Embed";
}

function show(texts, reply, model) {
  const { embeddings, usage } = reply.body;
  if (!Array.isArray(embeddings) || embeddings.length !== texts.length)
    throw new ApiError(200, "The server’s reply could not be read.", "It holds another number of vectors than there are texts.");
  Object.assign(state, { texts, vectors: embeddings, rows: cosines(embeddings) });
  get("empty").hidden = true;
  get("results").hidden = false;
  get("results").classList.toggle("many", texts.length > MANY);
  heat.draw(texts, state.rows);
  drawLegend(get("legend"));
  showMap();
  showEach();
  showTiming(reply, usage);
  showCurl(texts, model);
  pointAt(null);
  const near = nearest();
  const pair = near ? ` Nearest: ${near.i + 1} and ${near.j + 1}, ${fixed(state.rows[near.i][near.j], 4)}.` : "";
  say(`${texts.length} text${texts.length === 1 ? "" : "s"} embedded in ${milliseconds(reply.ms)} ms.${pair}`);
}

// ---- similarity ----

function nearest() {
  let best = null;
  state.rows.forEach((row, i) => {
    for (let j = 0; j < i; j++) if (!best || row[j] > state.rows[best.i][best.j]) best = { i: j, j: i };
  });
  return best;
}

function quoted(i) {
  return make("span", { class: "quoted" }, make("span", { class: "number" }, String(i + 1)), ` ${shorten(state.texts[i], 160)}`);
}

// The pair that is pointed at, else the nearest one.
function showReadout(i, j) {
  const box = get("readout");
  const near = i === null ? nearest() : { i, j };
  if (!near) {
    box.replaceChildren(make("p", { class: "note" }, "With two texts or more there is something to compare."));
    return;
  }
  const isOne = near.i === near.j;
  const label = i === null ? "nearest pair" : isOne ? "" : "cosine";
  const value = make("span", { class: "value" }, isOne ? "" : fixed(state.rows[near.i][near.j], 4));
  box.replaceChildren(
    make("p", { class: "figure" }, value, " ", make("span", { class: "unit" }, label)),
    make("p", { class: "pair" }, quoted(near.i), ...(isOne ? [] : [quoted(near.j)])),
  );
}

function showMap() {
  if (state.texts.length < 3) {
    map.clear();
    get("map-note").textContent = "Three texts or more make a map.";
    get("map-share").textContent = "";
    return;
  }
  const { points, share } = plane(state.vectors);
  get("map-note").textContent = "The two directions in which the texts differ most.";
  get("map-share").textContent = `Principal components; they hold ${Math.round(share * 100)} % of the spread, so what is near here is not always near.`;
  map.draw(state.texts, points);
}

// ---- each text ----

function showEach() {
  const largest = Math.max(...state.vectors.map((vector) => Math.max(...vector.map(Math.abs))));
  const n = state.vectors[0].length;
  get("each-note").textContent = `Its ${n} values as colours, blue below zero and orange above; the first ${Math.min(FIRST_VALUES, n)} as numbers; its tokens with their ids.`;
  get("each").classList.toggle("long", state.vectors.length > 40);
  get("each").replaceChildren(
    ...state.vectors.map((vector, i) => {
      const strip = make("canvas", { class: "strip", "aria-hidden": "true" });
      drawStrip(strip, vector, largest);
      const values = make("p", { class: "values" }, ...vector.slice(0, FIRST_VALUES).map((value) => make("span", {}, fixed(value, 4))), n > FIRST_VALUES ? "…" : "");
      values.setAttribute("aria-label", "first values");
      return make(
        "li",
        {},
        make("p", { class: "title" }, make("span", { class: "number", "aria-hidden": "true" }, String(i + 1)), make("span", { class: "text" }, shorten(state.texts[i], 500)), make("span", { class: "unit count" })),
        strip,
        values,
        make("p", { class: "tokens" }),
      );
    }),
  );
}

function token({ id, text, special }) {
  const name = make("span", { class: "name" }, special || text.trim() ? text : "␣");
  const node = make("span", { class: special ? "token special" : "token" }, name, make("span", { class: "id" }, String(id)));
  if (special) node.append(make("span", { class: "hidden" }, " special"));
  return node;
}

// A model without a tokenizer says so; that is no failure.
async function showTokens(texts, named) {
  let body;
  try {
    ({ body } = await askJson("/tokenize", { ...named, inputs: texts }));
  } catch (error) {
    if (error.status !== 422 && error.status !== 400 && error.status !== 404) throw error;
    get("each-note").append(" This model shows no tokens.");
    return;
  }
  const reads = chosenModel()?.max_seq_length || Infinity;
  [...get("each").children].forEach((item, i) => {
    const tokens = body[i] || [];
    const n = tokens.length;
    const cut = n > reads ? `, of which the model reads ${reads}` : "";
    item.querySelector(".count").textContent = `${n} token${n === 1 ? "" : "s"}${cut}`;
    const more = n > SHOWN_TOKENS ? [make("span", { class: "unit" }, `and ${n - SHOWN_TOKENS} more`)] : [];
    item.querySelector(".tokens").replaceChildren(...tokens.slice(0, SHOWN_TOKENS).flatMap((t) => [token(t), " "]), ...more);
  });
}

// ---- time ----

function showTiming(reply, usage) {
  const header = (name) => {
    const text = reply.headers.get(name);
    const value = text === null || text.trim() === "" ? NaN : Number(text);
    return value >= 0 ? value : null;
  };
  const known = [
    ["queue", "waiting in the queue", header("x-queue-time")],
    ["tokenization", "tokenization", header("x-tokenization-time")],
    ["inference", "the model", header("x-inference-time")],
  ].filter(([, , ms]) => ms !== null);
  const rest = Math.max(0, reply.ms - known.reduce((sum, [, , ms]) => sum + ms, 0));
  const parts = [...known, ["rest", "the rest: network, HTTP, JSON", rest]];
  get("timing-total").textContent = `${milliseconds(reply.ms)} ms`;
  get("timing-bar").replaceChildren(
    ...parts.map(([key, , ms]) => {
      const part = make("span", { class: key });
      part.style.flexGrow = String(Math.max(ms / reply.ms, 0));
      return part;
    }),
  );
  get("timing-parts").replaceChildren(
    ...parts.map(([key, name, ms]) => make("div", { class: key }, make("dt", {}, name), make("dd", {}, `${milliseconds(ms)} ms`))),
    make("div", { class: "sum" }, make("dt", {}, "tokens, special ones included"), make("dd", {}, String(usage?.total_tokens ?? "–"))),
  );
  get("timing").hidden = false;
}

// ---- the same from a program ----

function showCurl(texts, model) {
  const body = JSON.stringify({ ...(model && state.models.length > 1 ? { model } : {}), inputs: texts.slice(0, 2) });
  const parts = [
    `curl ${location.origin}/api/v1/embed`,
    ...(hasKey() ? ['-H "Authorization: Bearer $KEY"'] : []),
    "-H 'Content-Type: application/json'",
    `-d '${body.replaceAll("'", "'\\''")}'`,
  ];
  get("curl").textContent = parts.join(" \\\n  ");
}

// ---- the beginning ----

get("form").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
get("texts").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  run();
});
get("texts").addEventListener("input", number);
get("texts").addEventListener("scroll", follow, { passive: true });
new ResizeObserver(follow).observe(get("texts"));
get("model").addEventListener("change", showFacts);
get("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  setKey(get("key").value);
  get("key").value = "";
  clearError();
  live.wake();
  try {
    await loadModels();
    get("access").open = false;
    say(hasKey() ? "The key works." : "The key is forgotten.");
    run();
  } catch (error) {
    showError(error);
  }
});
onSchemeChange(() => {
  if (state.rows.length === 0) return;
  heat.paint();
  drawLegend(get("legend"));
  const largest = Math.max(...state.vectors.map((vector) => Math.max(...vector.map(Math.abs))));
  document.querySelectorAll(".strip").forEach((strip, i) => drawStrip(strip, state.vectors[i], largest));
});

get("access").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  get("access").open = false;
  get("access").querySelector("summary").focus();
});

if (/Mac|iPhone|iPad/.test(navigator.platform)) get("modifier").textContent = "⌘";
number();
showCurl(lines().filter((line) => line.trim()), null);
live.wake();
// The examples at once, where the server lets anybody; else the page waits for a key without complaint.
loadModels().then(
  () => (state.models.length ? run() : undefined),
  (error) => {
    if (error.status !== 401) {
      showError(error);
      return;
    }
    get("access").open = true;
    get("empty").textContent = "This server asks for an API key.";
  },
);
