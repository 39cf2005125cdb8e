// SPDX-License-Identifier: Apache-2.0
// api.js: requests to this server, with the key where there is one, and errors in words. The key is kept in memory and in the tab's session, never in an address.

const STORED = "wick-api-key";
let key = "";
try {
  key = sessionStorage.getItem(STORED) || "";
} catch {
  // Storage may be switched off: then the key lasts as long as the page.
}

export function setKey(value) {
  key = value.trim();
  try {
    if (key) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
  } catch {
    // as above
  }
}

export function hasKey() {
  return key !== "";
}

export class ApiError extends Error {
  constructor(status, title, detail) {
    super(title);
    this.status = status;
    this.title = title;
    this.detail = detail;
  }
}

const titles = {
  401: () => (hasKey() ? "The server does not know this API key." : "This server asks for an API key."),
  403: () => "The server does not allow this.",
  404: () => "The server does not have that.",
  413: () => "That is more than the server takes at once.",
  429: () => "The server is busy.",
  503: () => "The server cannot embed just now.",
};

// What the server said, in whichever of its forms.
function messageIn(body) {
  try {
    const { error } = JSON.parse(body);
    return typeof error === "string" ? error : error?.message || "";
  } catch {
    return "";
  }
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".") : "";
}

function failure(response, body) {
  const { status } = response;
  const title = titles[status]?.() || (status >= 500 ? "The server failed." : "The server refused the request.");
  const seconds = Number(response.headers.get("Retry-After"));
  const message = messageIn(body).replace("; try again after the time in Retry-After", "");
  const wait = seconds > 0 ? ` Try again in ${seconds} second${seconds === 1 ? "" : "s"}.` : "";
  return new ApiError(status, title, (sentence(message) + wait).trim() || `Status ${status}.`);
}

// json: a body for POST; none: GET. Returns {text, headers, ms}: the reply's text and the time from asking to its last byte.
export async function ask(path, json) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const options = { headers, cache: "no-store", credentials: "omit" };
  if (json !== undefined) {
    headers["Content-Type"] = "application/json";
    options.method = "POST";
    options.body = JSON.stringify(json);
  }
  const began = performance.now();
  let response, text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch {
    throw new ApiError(0, "The server does not answer.", "It may have been stopped, or the network is down.");
  }
  const ms = performance.now() - began;
  if (!response.ok) throw failure(response, text);
  return { text, headers: response.headers, ms };
}

export async function askJson(path, json) {
  const reply = await ask(path, json);
  try {
    return { ...reply, body: JSON.parse(reply.text) };
  } catch {
    throw new ApiError(200, "The server’s reply could not be read.", "It is not JSON.");
  }
}
