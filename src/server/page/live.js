// SPDX-License-Identifier: Apache-2.0
// live.js: the server's figures, from two looks at /metrics: rates and latencies over the last ten seconds, gauges as they are. Looks once a second while the
// page can be seen; keeps quiet where /metrics asks for a key that it has not got.
import { ask, hasKey } from "./api.js";
import { drawSpark, make, makeSvg } from "./charts.js";

const EVERY_MS = 1000;
const AGAIN_MS = 5000; // after a failure
const WINDOW_MS = 10500; // that rates and latencies span: ten looks
const PLACES = 60; // of a line

// The routes that embed: what else is asked of the server (health, models, the figures themselves) is not counted. "/" is Text Embeddings Inference's other
// name of /embed; that it is this page's as well adds a request when somebody opens it.
const EMBEDS = new Set(["/api/v1/embed", "/v1/embeddings", "/embed", "/", "/invocations", "/similarity", "/api/embed", "/api/embeddings"]);

// One line of Prometheus' text: name{labels} value.
const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function* samples(text) {
  for (const line of text.split("\n")) {
    const found = line.startsWith("#") ? null : LINE.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] || "").matchAll(LABEL)) labels[name] = value;
    yield { name: found[1], labels, value: Number(found[3]) };
  }
}

// What of the text the page shows.
export function readMetrics(text, at) {
  const look = { at, requests: 0, refused: 0, tokens: 0, buckets: new Map(), depth: 0, queued: 0, memory: null, cpu: null, connections: null };
  for (const { name, labels, value } of samples(text)) {
    if (name === "wick_requests_total" && EMBEDS.has(labels.route)) {
      look.requests += value;
      if (labels.status >= 400) look.refused += value;
    } else if (name === "wick_request_duration_seconds_bucket" && EMBEDS.has(labels.route)) {
      const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
      look.buckets.set(bound, (look.buckets.get(bound) || 0) + value);
    } else if (name === "wick_tokens_total") look.tokens += value;
    else if (name === "wick_queue_depth") look.depth += value;
    else if (name === "wick_queue_tokens") look.queued += value;
    else if (name === "process_resident_memory_bytes") look.memory = value;
    else if (name === "process_cpu_seconds_total") look.cpu = value;
    else if (name === "wick_connections") look.connections = value;
  }
  return look;
}

// The q-th part of what came between two looks, in seconds; straight lines within a bucket. null: nothing came.
export function quantile(before, after, q) {
  const bounds = [...after.buckets.keys()].sort((a, b) => a - b);
  const counts = bounds.map((bound) => after.buckets.get(bound) - (before.buckets.get(bound) || 0));
  const wanted = q * (counts.at(-1) || 0);
  if (!(counts.at(-1) > 0)) return null;
  const k = counts.findIndex((count) => count >= wanted);
  const low = k > 0 ? bounds[k - 1] : 0;
  if (bounds[k] === Infinity) return low;
  const below = k > 0 ? counts[k - 1] : 0;
  return low + (bounds[k] - low) * (counts[k] > below ? (wanted - below) / (counts[k] - below) : 1);
}

const count = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

function rate(value) {
  return value >= 100 || value === 0 ? count.format(value) : value.toFixed(1);
}

export function milliseconds(value) {
  return value >= 99.95 ? count.format(value) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

// before, after: the ends of the window; value null: a dash.
const figures = [
  { name: "Requests", unit: "a second", of: (before, after, s) => (after.requests - before.requests) / s, show: rate },
  { name: "Tokens", unit: "a second", of: (before, after, s) => (after.tokens - before.tokens) / s, show: rate },
  { name: "Latency, median", unit: "ms", about: true, of: (before, after) => quantile(before, after, 0.5), show: (v) => milliseconds(v * 1000) },
  { name: "Latency, 95 %", unit: "ms", about: true, of: (before, after) => quantile(before, after, 0.95), show: (v) => milliseconds(v * 1000) },
  { name: "Queue", unit: (look) => `requests, ${count.format(look.queued)} tokens`, of: (before, after) => after.depth, show: (v) => count.format(v) },
  { name: "Memory", unit: "MB", of: (before, after) => (after.memory === null ? null : after.memory / 1e6), show: (v) => count.format(v) },
];

export class Live {
  constructor(list, note, section) {
    this.note = note;
    this.section = section;
    this.looks = [];
    this.parts = figures.map(({ name, unit }) => {
      const value = make("span", { class: "value" }, "–");
      const units = make("span", { class: "unit" }, typeof unit === "string" ? unit : "");
      const line = makeSvg("svg", { "aria-hidden": "true", preserveAspectRatio: "none", viewBox: "0 0 59 22" });
      list.append(make("div", {}, make("dt", {}, name), make("dd", {}, value, " ", units, line)));
      return { value, units, line, values: [] };
    });
    document.addEventListener("visibilitychange", () => this.wake());
  }

  // At once, and then once a second; again after a key was given.
  wake() {
    clearTimeout(this.timer);
    if (document.hidden) this.looks = []; // what was missed would be drawn as if it had been seen
    else this.look();
  }

  async look() {
    const turn = (this.turn = (this.turn || 0) + 1);
    let next = EVERY_MS;
    try {
      const { text } = await ask("/metrics");
      if (turn !== this.turn) return;
      this.take(readMetrics(text, performance.now()));
    } catch (error) {
      if (turn !== this.turn) return;
      this.looks = [];
      next = error.status === 401 || error.status === 403 || error.status === 404 ? 0 : AGAIN_MS;
      this.quiet(error.status);
    }
    clearTimeout(this.timer);
    if (next && !document.hidden) this.timer = setTimeout(() => this.look(), next);
  }

  quiet(status) {
    this.section.classList.add("quiet");
    if (status === 401) this.note.textContent = hasKey() ? "The server’s figures ask for another API key." : "The server’s figures ask for an API key.";
    else if (status === 403 || status === 404) this.note.textContent = "This server does not show its figures.";
    else this.note.textContent = "The server’s figures cannot be read just now.";
  }

  take(look) {
    this.section.classList.remove("quiet");
    if (this.looks.length && look.requests < this.looks.at(-1).requests) this.looks = []; // it was started again
    this.looks.push(look);
    while (this.looks.length > 2 && look.at - this.looks[0].at > WINDOW_MS) this.looks.shift();
    const before = this.looks[0];
    const seconds = (look.at - before.at) / 1000;
    figures.forEach((figure, k) => this.show(figure, this.parts[k], before, look, seconds));
    const refused = look.refused - before.refused;
    const seen = Math.round(seconds);
    const part = seen < 1 ? "" : `Rates and latencies over the last ${seen === 1 ? "second" : `${seen} seconds`}, all clients together; ≈ from a histogram’s buckets. `;
    this.note.textContent = part + (refused > 0 ? `${count.format(refused)} requests refused or failed in that time.` : "");
  }

  show(figure, part, before, look, seconds) {
    const isGauge = figure.name === "Queue" || figure.name === "Memory";
    const value = seconds > 0 || isGauge ? figure.of(before, look, seconds) : null;
    part.value.textContent = value === null ? "–" : (figure.about ? "≈ " : "") + figure.show(value);
    if (typeof figure.unit === "function") part.units.textContent = figure.unit(look);
    part.values.push(value);
    if (part.values.length > PLACES) part.values.shift();
    drawSpark(part.line, part.values, PLACES);
  }
}
