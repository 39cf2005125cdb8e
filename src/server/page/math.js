// SPDX-License-Identifier: Apache-2.0
// math.js: vectors -> cosines, a plane to draw them on, places for labels. Numbers in, numbers out; nothing of the page.

export function dot(a, b) {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}

// Vectors need not have length 1; a vector of zeros is like none. Returns rows [n][n].
export function cosines(vectors) {
  const lengths = vectors.map((v) => Math.sqrt(dot(v, v)));
  const rows = vectors.map(() => new Float64Array(vectors.length));
  for (let i = 0; i < vectors.length; i++)
    for (let j = 0; j <= i; j++) {
      const scale = lengths[i] * lengths[j];
      rows[i][j] = rows[j][i] = scale > 0 ? dot(vectors[i], vectors[j]) / scale : 0;
    }
  return rows;
}

// The first eigenvector of a symmetric matrix with no negative eigenvalue, by power iteration; starts the same every time.
function powerIteration(matrix) {
  const n = matrix.length;
  let vector = Float64Array.from({ length: n }, (_, i) => Math.sin(1 + 2.3 * i));
  let value = 0;
  for (let round = 0; round < 500; round++) {
    const next = Float64Array.from(matrix, (row) => dot(row, vector));
    const length = Math.sqrt(dot(next, next));
    if (length < 1e-12) return { value: 0, vector: new Float64Array(n) };
    let change = 0;
    for (let i = 0; i < n; i++) {
      next[i] /= length;
      change = Math.max(change, Math.abs(next[i] - vector[i]));
    }
    vector = next;
    value = length;
    if (change < 1e-9) break;
  }
  return { value, vector };
}

// Principal components: the plane on which the vectors lie furthest apart. Works on the n x n products, since texts are fewer than dimensions.
// Returns points [n][2] and share, the part of the spread that the plane holds (0 to 1).
export function plane(vectors) {
  const n = vectors.length;
  const mean = new Float64Array(vectors[0].length);
  for (const v of vectors) for (let k = 0; k < v.length; k++) mean[k] += v[k] / n;
  const centred = vectors.map((v) => Float64Array.from(v, (x, k) => x - mean[k]));
  const products = centred.map((a) => Float64Array.from(centred, (b) => dot(a, b)));
  const total = products.reduce((sum, row, i) => sum + row[i], 0);
  const points = vectors.map(() => [0, 0]);
  let held = 0;
  for (let axis = 0; axis < 2; axis++) {
    const { value, vector } = powerIteration(products);
    held += value;
    const scale = Math.sqrt(value);
    for (let i = 0; i < n; i++) {
      points[i][axis] = vector[i] * scale;
      for (let j = 0; j < n; j++) products[i][j] -= value * vector[i] * vector[j];
    }
  }
  return { points, share: total > 1e-12 ? Math.min(held / total, 1) : 0 };
}

function overlap(a, b) {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

// Where labels go beside their points. points: [{x, y, sizes: [{width, height}...]}], the sizes from the most wanted to the least; radius: of a dot; bounds:
// {left, top, right, bottom} of the boxes.
// Each gets the first size for which there is room: {x, y, size} (the box's upper left corner), or null where even the last has none.
export function placeLabels(points, radius, bounds) {
  const gap = radius + 4;
  const taken = points.map((p) => ({ x: p.x - radius, y: p.y - radius, width: 2 * radius, height: 2 * radius }));
  return points.map((p) => {
    for (let size = 0; size < p.sizes.length; size++) {
      const { width, height } = p.sizes[size];
      const sides = [
        [p.x + gap, p.y - height / 2],
        [p.x - gap - width, p.y - height / 2],
        [p.x - width / 2, p.y - gap - height],
        [p.x - width / 2, p.y + gap],
        [p.x + gap * 0.6, p.y - gap * 0.6 - height],
        [p.x + gap * 0.6, p.y + gap * 0.6],
        [p.x - gap * 0.6 - width, p.y - gap * 0.6 - height],
        [p.x - gap * 0.6 - width, p.y + gap * 0.6],
      ];
      for (const [x, y] of sides) {
        const box = { x, y, width, height };
        const isInside = x >= bounds.left && y >= bounds.top && x + width <= bounds.right && y + height <= bounds.bottom;
        if (isInside && !taken.some((other) => overlap(box, other) > 0)) {
          taken.push(box);
          return { x, y, size };
        }
      }
    }
    return null;
  });
}
