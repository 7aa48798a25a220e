"use strict";
// Elements are made with text, never with markup: what a record says can do nothing here.
// What two drills must have in common to be compared.
const LABELS = ["kubernetes", "kubernetes_after", "topology", "network", "host", "app"];

function el(tag, attributes, ...children) {
  const svg = ["svg", "line", "circle", "text", "path", "title"].includes(tag);
  const node = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity))
    if (child !== null && child !== undefined) node.append(child);
  return node;
}

function link(href, text, attributes) {
  return el("a", { href, ...attributes }, text);
}

function pill(verdict) {
  return el(
    "span",
    { class: `pill ${verdict ? verdict.toLowerCase() : "none"}` },
    verdict || "NO VERDICT",
  );
}

function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value >= 120) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  return `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} s`;
}

function quantity(value, unit) {
  if (value === null || value === undefined) return "–";
  return unit === "s" ? seconds(value) : `${Math.round(value * 1000) / 1000} ${unit}`;
}

function versions(before, after) {
  return before === after ? before : `${before} → ${after || "?"}`;
}

function drillVersions(drill) {
  return versions(drill.kubernetes, drill.kubernetes_after);
}

/* What is wider than the page is scrolled by the keyboard too. */
function scroll(content) {
  return el(
    "div",
    { class: "scroll", role: "group", tabindex: "0", "aria-label": "table" },
    content,
  );
}

function table(heads, rows, attributes) {
  const head = el(
    "tr",
    null,
    heads.map((text) =>
      el("th", { scope: "col", class: text.startsWith(">") ? "num" : null }, text.replace(">", "")),
    ),
  );
  return scroll(el("table", attributes, el("thead", null, head), el("tbody", null, rows)));
}

function facts(pairs) {
  return el(
    "dl",
    { class: "facts" },
    pairs
      .filter((pair) => pair[1] !== "" && pair[1] !== null)
      .map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, value))),
  );
}

function address(page, parameters) {
  const text = new URLSearchParams(
    Object.entries(parameters || {}).filter((pair) => pair[1] !== "" && pair[1] !== undefined),
  ).toString();
  return `#/${page}${text ? `?${text}` : ""}`;
}
