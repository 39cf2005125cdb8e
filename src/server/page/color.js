// SPDX-License-Identifier: Apache-2.0
// color.js: a cosine or a vector's value -> a colour. Both arms leave the page's own ground and change in lightness alone in one direction: orange above 0,
// blue below, which people who do not tell red from green still tell apart. Light and dark have scales of their own.

// Stops at equal steps from 0 to 1 and from 0 to -1.
const scales = {
  light: {
    above: ["#f6f4f0", "#fde3b0", "#f9b44e", "#d96f0e", "#8c3a04", "#551f02"],
    below: ["#f6f4f0", "#cfe1f2", "#8dbbe0", "#3f86c2", "#1a5490", "#0b2f5c"],
  },
  dark: {
    above: ["#211e1b", "#4a2d14", "#84460d", "#c96f0d", "#f5ab3d", "#ffe9b0"],
    below: ["#211e1b", "#1b3148", "#235480", "#3a80b8", "#79b6e6", "#cfe8fd"],
  },
};

const query = matchMedia("(prefers-color-scheme: dark)");

export function onSchemeChange(fn) {
  query.addEventListener("change", fn);
}

function parse(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

const parsed = Object.fromEntries(
  Object.entries(scales).map(([scheme, arms]) => [scheme, { above: arms.above.map(parse), below: arms.below.map(parse) }]),
);

// value: from -1 to 1, what is beyond is taken for the end. [r, g, b]
export function colorOf(value) {
  const arms = parsed[query.matches ? "dark" : "light"];
  const stops = value < 0 ? arms.below : arms.above;
  const at = Math.min(Math.abs(value), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  return stops[low].map((from, k) => Math.round(from + (stops[low + 1][k] - from) * (at - low)));
}

export function css(rgb) {
  return `rgb(${rgb.join(" ")})`;
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

// Dark or light ink, whichever is read better on it (WCAG's contrast).
export function inkOn(rgb) {
  const ground = luminance(rgb);
  return (ground + 0.05) / 0.055 > 1.05 / (ground + 0.05) ? "#14110e" : "#ffffff";
}
