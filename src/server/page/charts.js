// SPDX-License-Identifier: Apache-2.0
// charts.js: draws what page.js has fetched: the heat map, the map, strips of values. Texts go in as text nodes only. A pair that is pointed at in one
// place is marked in the others through onPair.
import { colorOf, css, inkOn } from "./color.js";
import { placeLabels } from "./math.js";

const SVG = "http://www.w3.org/2000/svg";

// A new element: make("td", {class: "x"}, "text", child...).
export function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export function makeSvg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// 0.6887 -> "0.69"; never "-0.00".
export function fixed(value, digits) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text.replace("-", "−");
}

export function shorten(text, n) {
  const characters = Array.from(text);
  return characters.length > n ? `${characters.slice(0, n - 1).join("").trimEnd()}…` : text;
}

// ---- heat map ----

// rows: cosines [n][n]. onPair(i, j) when a cell is pointed at or reached by keys, onPair(null) when it is left.
export class HeatMap {
  constructor(region, onPair) {
    this.region = region;
    this.onPair = onPair;
    this.cells = [];
    region.addEventListener("pointerover", (event) => this.report(event.target));
    region.addEventListener("pointerleave", () => this.onPair(null));
    region.addEventListener("focusin", (event) => this.report(event.target));
    region.addEventListener("focusout", () => this.onPair(null));
    region.addEventListener("keydown", (event) => this.move(event));
    new ResizeObserver(() => this.fit()).observe(region);
  }

  draw(texts, rows) {
    this.rows = rows;
    this.cells = rows.map((row, i) =>
      Array.from(row, (value, j) => {
        const cell = make("td", { class: i === j ? "self" : "pair", "data-row": i, "data-column": j, "data-cosine": value.toFixed(6), tabindex: -1 });
        cell.textContent = i === j ? "1" : fixed(value, 2);
        return cell;
      }),
    );
    const head = make("tr", {}, make("td", { class: "corner" }), ...texts.map((text, i) => make("th", { scope: "col", title: text }, String(i + 1))));
    const body = this.cells.map((cells, i) =>
      make(
        "tr",
        {},
        make("th", { scope: "row", title: texts[i] }, make("span", { class: "number" }, String(i + 1)), make("span", { class: "text" }, ` ${shorten(texts[i], 80)}`)),
        ...cells,
      ),
    );
    const caption = make("caption", { class: "hidden" }, "Cosine similarity of each pair of texts. Arrow keys move through the cells.");
    this.table = make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...body));
    this.cells[0][0].tabIndex = 0;
    this.current = this.cells[0][0];
    this.region.replaceChildren(this.table);
    this.paint();
    this.fit();
  }

  paint() {
    this.cells.forEach((cells, i) =>
      cells.forEach((cell, j) => {
        if (i === j) return; // 1 whatever the text: no colour, so that the pairs stand out
        const color = colorOf(this.rows[i][j]);
        cell.style.backgroundColor = css(color);
        cell.style.color = inkOn(color);
      }),
    );
  }

  // Cells as large as there is room for; numbers in them where they can be read.
  fit() {
    if (!this.table) return;
    const n = this.cells.length;
    const room = this.region.clientWidth;
    const names = room > 460 && n <= 36 ? Math.min(room * 0.4, 300) : 26;
    const cell = Math.max(4, Math.min((room - names - 2) / n, 56));
    this.table.style.setProperty("--cell", `${cell}px`);
    this.table.style.setProperty("--names", `${names}px`);
    this.table.classList.toggle("with-names", names > 40);
    this.table.classList.toggle("small", cell < 36);
    this.table.classList.toggle("bare", cell < 24);
    this.table.classList.toggle("tiny", cell < 14);
  }

  report(target) {
    const cell = target.closest?.("td[data-row]");
    if (cell) this.onPair(Number(cell.dataset.row), Number(cell.dataset.column));
    else this.onPair(null);
  }

  move(event) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -Infinity], End: [0, Infinity] };
    const step = steps[event.key];
    const cell = event.target.closest?.("td[data-row]");
    if (!step || !cell) return;
    event.preventDefault();
    const clamp = (value) => Math.max(0, Math.min(this.cells.length - 1, value));
    const next = this.cells[clamp(Number(cell.dataset.row) + step[0])][clamp(Number(cell.dataset.column) + step[1])];
    this.current.tabIndex = -1;
    next.tabIndex = 0;
    this.current = next;
    next.focus();
  }

  // Marks the row and the column that a pair stands in.
  mark(i, j) {
    this.table?.querySelectorAll(".marked").forEach((node) => node.classList.remove("marked"));
    if (i === null || !this.table) return;
    this.table.tBodies[0].rows[i].cells[0].classList.add("marked");
    this.table.tHead.rows[0].cells[j + 1].classList.add("marked");
    this.cells[i][j].classList.add("marked");
  }
}

// The colours from -1 to 1 with their numbers.
export function drawLegend(node) {
  const steps = [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1];
  node.replaceChildren(
    ...steps.map((value) => {
      const swatch = make("span", { class: "swatch" });
      swatch.style.backgroundColor = css(colorOf(value));
      return make("span", { class: "step" }, swatch, Number.isInteger(value * 2) ? String(value).replace("-", "−") : "");
    }),
  );
}

// ---- map ----

const DOT = 5;
const MARGIN = 18;

export class PlaneMap {
  constructor(box, onPair) {
    this.box = box;
    this.onPair = onPair;
    this.width = 0;
    this.pen = document.createElement("canvas").getContext("2d");
    new ResizeObserver(() => {
      if (this.points && box.clientWidth !== this.width) this.layOut();
    }).observe(box);
  }

  draw(texts, points) {
    this.texts = texts;
    this.points = points;
    this.layOut();
  }

  clear() {
    this.points = null;
    this.box.replaceChildren();
  }

  // From the plane to the box: one scale for both axes, so that distances stay true.
  project() {
    const xs = this.points.map((p) => p[0]);
    const ys = this.points.map((p) => p[1]);
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const side = this.width < 480 ? MARGIN : Math.min(this.width * 0.14, 90);
    const span = { x: Math.max(right - left, 1e-9), y: Math.max(high - low, 1e-9) };
    const scale = Math.min((this.width - 2 * side) / span.x, (Math.min(this.width * 0.95, 420) - 2 * MARGIN - 16) / span.y);
    this.height = Math.round(Math.max(span.y * scale + 2 * MARGIN + 16, 160));
    return this.points.map(([x, y]) => ({
      x: this.width / 2 + (x - (left + right) / 2) * scale,
      y: this.height / 2 - (y - (low + high) / 2) * scale,
    }));
  }

  sizesOf(text, i) {
    const number = String(i + 1);
    const lengths = this.texts.length > 40 ? [] : this.width < 420 ? [24, 18, 12] : [40, 26, 18, 12];
    const labels = [...lengths.map((n) => `${number} ${shorten(text, n)}`), number];
    return labels.map((label) => ({ label, width: this.pen.measureText(label).width + 2, height: 16 }));
  }

  layOut() {
    this.width = this.box.clientWidth;
    if (this.width < 50) return;
    this.pen.font = `12px ${getComputedStyle(this.box).fontFamily}`;
    const points = this.project().map((p, i) => ({ ...p, sizes: this.sizesOf(this.texts[i], i) }));
    const places = placeLabels(points, DOT, { left: 8, top: 6, right: this.width - 8, bottom: this.height - 6 });
    this.line = makeSvg("line", { class: "tie" });
    this.groups = points.map((p, i) => {
      const group = makeSvg("g", { class: "point" }, makeSvg("title", {}, this.texts[i]), makeSvg("circle", { cx: p.x, cy: p.y, r: DOT }));
      const place = places[i];
      if (place) {
        const { label } = p.sizes[place.size];
        const at = label.indexOf(" ");
        const number = makeSvg("tspan", { class: "number" }, at < 0 ? label : label.slice(0, at));
        group.append(makeSvg("text", { x: place.x, y: place.y + 12 }, number, at < 0 ? "" : label.slice(at)));
      }
      group.addEventListener("pointerenter", () => this.onPair(i, i));
      group.addEventListener("pointerleave", () => this.onPair(null));
      return group;
    });
    this.placed = points;
    const title = "The texts as points on a plane; the table of similarities holds the same in numbers.";
    this.box.replaceChildren(
      makeSvg("svg", { width: this.width, height: this.height, role: "img", "aria-label": title }, this.line, ...this.groups),
    );
  }

  mark(i, j) {
    if (!this.points || !this.groups) return;
    this.groups.forEach((group, k) => group.classList.toggle("marked", k === i || k === j));
    this.line.classList.toggle("shown", i !== null && i !== j);
    if (i === null) return;
    const [a, b] = [this.placed[i], this.placed[j]];
    for (const [key, value] of Object.entries({ x1: a.x, y1: a.y, x2: b.x, y2: b.y })) this.line.setAttribute(key, value);
  }
}

// ---- a vector as a strip of colours, one bar a value ----

export function drawStrip(canvas, vector, largest) {
  canvas.width = vector.length;
  canvas.height = 1;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(vector.length, 1);
  vector.forEach((value, k) => {
    image.data.set([...colorOf(largest > 0 ? value / largest : 0), 255], 4 * k);
  });
  pen.putImageData(image, 0, 0);
}

// ---- the line of a live figure ----

// values: oldest first, null where there was nothing; n_places: how many there is room for.
export function drawSpark(svg, values, nPlaces) {
  const top = Math.max(...values.filter((value) => value !== null), 1e-12);
  const runs = [[]];
  values.forEach((value, k) => {
    if (value === null) runs.push([]);
    else runs.at(-1).push(`${(nPlaces - values.length + k).toFixed(1)},${(21 - (value / top) * 19).toFixed(2)}`);
  });
  svg.setAttribute("viewBox", `0 0 ${nPlaces - 1} 22`);
  svg.replaceChildren(...runs.filter((run) => run.length > 1).map((run) => makeSvg("polyline", { points: run.join(" ") })));
}
