"use strict";
/* Layout and drawing of one timeline. Times are milliseconds from the begin of the record.
   Every lane is drawn with the same function from time to pixel: all stand on one axis. */

const AXIS = 38,
  GROUP = 22,
  PROBE = 34,
  SPAN = 17,
  PAD = 4,
  HEAD = 17;
const NODE_HUES = [212, 28, 158, 276, 338, 48, 190, 8];

function colours(element) {
  const style = getComputedStyle(element);
  const names = [
    "card",
    "ink",
    "soft",
    "line",
    "lane",
    "ok",
    "ok-soft",
    "bad",
    "bad-soft",
    "warn",
    "warn-soft",
    "ok-fill",
    "bad-fill",
    "blue",
    "blue-soft",
    "none",
    "none-soft",
    "stop",
    "stop-soft",
  ];
  const result = Object.fromEntries(
    names.map((name) => [name, style.getPropertyValue("--" + name).trim()]),
  );
  result.dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return result;
}

/* Rows from top to bottom: what was done to the cluster, what users felt, what the cluster did.
   On a narrow screen, where names cannot stand beside their rows, each has a line above it. */
function layout(data, narrow) {
  const rows = [{ kind: "axis", height: AXIS, label: "" }];
  const group = (title) => rows.push({ kind: "group", height: GROUP, label: title });
  const spans = (lane) => {
    if (!lane) return;
    if (lane.rows.length > 1 || lane.rows[0].name) group(lane.title);
    for (const row of lane.rows) {
      const levels = pack(row.spans);
      rows.push({
        kind: "spans",
        lane: lane.lane,
        label: row.name || lane.title,
        alone: !row.name,
        spans: row.spans,
        levels,
        height: levels.count * SPAN + 2 * PAD,
      });
    }
  };
  const lane = (name) => data.lanes.find((one) => one.lane === name);
  spans(lane("fault"));
  spans(lane("step"));
  group("Probes");
  for (const probe of data.probes)
    rows.push({
      kind: "probe",
      lane: "probe",
      label: probe.words,
      name: probe.name,
      probe,
      height: PROBE,
    });
  for (const name of ["node", "etcd-leader", "vip", "ansible"]) spans(lane(name));
  for (const other of data.lanes)
    if (!["fault", "step", "node", "etcd-leader", "vip", "ansible"].includes(other.lane))
      spans(other);
  if (data.events.length)
    rows.push({
      kind: "events",
      lane: "event",
      label: data.events_title,
      alone: true,
      events: data.events,
      height: 24,
    });
  let top = 0;
  for (const row of rows) {
    row.head = narrow && row.lane ? HEAD : 0;
    row.top = top + row.head;
    top = row.top + row.height;
  }
  return { rows, height: top + 4 };
}

/* Spans that overlap stand below one another. */
function pack(spans) {
  const ends = [],
    level = [];
  spans.forEach((span, index) => {
    let free = ends.findIndex((end) => end <= span[0] + 1e-6);
    if (free < 0) free = ends.length;
    ends[free] = span[1];
    level[index] = free;
  });
  return { count: Math.max(1, ends.length), level };
}

function drawAll(view) {
  const { ctx, width, rows, colour } = view;
  ctx.clearRect(0, 0, width, view.height);
  for (const row of rows) {
    if (row.kind === "axis" || row.kind === "group") continue;
    ctx.fillStyle = row.kind === "probe" ? colour["none-soft"] : colour.lane;
    ctx.fillRect(0, row.top + 2, width, row.height - 4);
  }
  drawAxis(view);
  drawFaultBands(view);
  for (const row of rows) {
    if (row.kind === "probe") drawProbe(view, row);
    else if (row.kind === "spans")
      row.spans.forEach((span, index) => drawSpan(view, row, span, row.levels.level[index]));
    else if (row.kind === "events") drawEvents(view, row);
  }
  drawCursor(view);
}

function niceStep(perPixel) {
  const least = perPixel * 95;
  for (const step of [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5,
    36e5,
  ])
    if (step >= least) return step;
  return 72e5;
}

function clock(ms, step = 1) {
  const sign = ms < 0 ? "-" : "",
    value = Math.abs(ms);
  if (value >= 6e4) {
    const rest = (value % 6e4) / 1000,
      digits = step < 1000 ? (step < 100 ? 2 : 1) : 0;
    const padded = rest.toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
    return `${sign}${Math.floor(value / 6e4)}:${padded}`;
  }
  return `${sign}${(value / 1000).toFixed(step < 10 ? 3 : step < 100 ? 2 : step < 1000 ? 1 : 0)} s`;
}

/* The clock on the wall, UTC. */
function wall(ms, step = 1000) {
  return new Date(ms).toISOString().slice(11, step < 1000 ? 23 : 19);
}

function drawAxis(view) {
  const { ctx, colour, width } = view;
  const step = niceStep((view.to - view.from) / width);
  ctx.font = "11px " + view.font;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (let time = Math.ceil(view.from / step) * step; time <= view.to; time += step) {
    const x = Math.round(view.x(time)) + 0.5;
    ctx.strokeStyle = colour.line;
    ctx.beginPath();
    ctx.moveTo(x, 0);
    ctx.lineTo(x, view.height);
    ctx.stroke();
    ctx.fillStyle = colour.soft;
    ctx.fillText(clock(time, step), x + 5, 12);
    if (view.data.wall !== null) ctx.fillText(wall(view.data.wall + time, step), x + 5, 26);
  }
}

/* A fault window shades all lanes, so that cause and effect are seen together. */
function drawFaultBands(view) {
  const { ctx, colour } = view;
  const faults = view.rows.find((row) => row.lane === "fault");
  if (!faults) return;
  for (const [from, to] of faults.spans) {
    const left = view.x(from),
      right = view.x(to);
    ctx.globalAlpha = colour.dark ? 0.1 : 0.07;
    ctx.fillStyle = colour.warn;
    ctx.fillRect(left, AXIS, right - left, view.height);
    ctx.globalAlpha = 0.55;
    for (const x of [left, right]) ctx.fillRect(Math.round(x), AXIS, 1, view.height);
    ctx.globalAlpha = 1;
  }
}

/* Ticks jitter, so a bucket may be empty between two that are not; only more than that is drawn as
   no data. Green below: answered. Blue: the slowest answer, on a logarithmic scale. Red over the
   whole height: failed; at least three pixels wide at any zoom and drawn last, so that neither its
   neighbours nor the cursor hide it. */
function drawProbe(view, row) {
  const { ctx, colour, width } = view;
  const { buckets, failures, width: bucketMs } = row.probe;
  const bottom = row.top + row.height - 2,
    top = row.top + 2,
    strip = 5,
    room = row.height - 4 - strip - 1;
  const columns = new Float32Array(Math.ceil(width) + 1).fill(-1);
  const first = firstFrom(buckets, view.from / bucketMs - 1);
  for (let index = first; index < buckets.length; index++) {
    const [number, ok, , slowest] = buckets[index];
    if (number * bucketMs > view.to) break;
    if (!ok) continue;
    const left = Math.max(0, Math.floor(view.x(number * bucketMs)));
    const next =
      index + 1 < buckets.length && buckets[index + 1][0] - number <= 3
        ? buckets[index + 1][0]
        : number + 1;
    const right = Math.min(columns.length - 1, Math.ceil(view.x(next * bucketMs)) - 1);
    for (let x = left; x <= Math.max(left, right); x++) columns[x] = Math.max(columns[x], slowest);
  }
  runs(columns, (left, right, slowest) => {
    ctx.fillStyle = colour.card;
    ctx.globalAlpha = 0.75;
    ctx.fillRect(left, top, right - left, row.height - 4);
    ctx.globalAlpha = 1;
    ctx.fillStyle = row.probe.control ? colour.none : colour["ok-fill"];
    ctx.fillRect(left, bottom - strip, right - left, strip);
    const size = Math.min(1, Math.log10(1 + slowest) / Math.log10(1001)) * room;
    ctx.fillStyle = row.probe.control ? colour.none : colour.blue;
    ctx.globalAlpha = 0.62;
    ctx.fillRect(left, bottom - strip - 1 - size, right - left, size);
    ctx.globalAlpha = 1;
  });
  ctx.fillStyle = colour["bad-fill"];
  for (const [from, to] of failures) {
    if (to < view.from - bucketMs || from > view.to) continue;
    const left = Math.floor(view.x(from)),
      right = Math.ceil(view.x(Math.max(to, from + Math.min(bucketMs, 100) * 0.9)));
    ctx.fillRect(left, top, Math.max(3, right - left), row.height - 4);
  }
}

function firstFrom(buckets, number) {
  let low = 0,
    high = buckets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (buckets[middle][0] < number) low = middle + 1;
    else high = middle;
  }
  return low;
}

function runs(columns, draw) {
  let start = 0;
  for (let x = 1; x <= columns.length; x++) {
    if (x < columns.length && columns[x] === columns[start]) continue;
    if (columns[start] >= 0) draw(start, x, columns[start]);
    start = x;
  }
}

function nodeColours(view, node) {
  const hue = NODE_HUES[Math.max(0, view.data.nodes.indexOf(node)) % NODE_HUES.length];
  return view.colour.dark
    ? [`hsl(${hue} 45% 27%)`, `hsl(${hue} 65% 60%)`]
    : [`hsl(${hue} 75% 88%)`, `hsl(${hue} 65% 45%)`];
}

function spanStyle(view, row, span) {
  const { colour } = view,
    label = span[2];
  if (row.lane === "fault") return [colour.warn, colour.card];
  if (row.lane === "step") return [colour["stop-soft"], colour.ink, colour.stop];
  if (row.lane === "node") {
    if (/^Ready\b/.test(label))
      return /cordon|SchedulingDisabled/.test(label)
        ? [colour["warn-soft"], colour.ink, colour.warn]
        : [colour["ok-soft"], colour.ink, colour.ok];
    return [colour["bad-fill"], colour.dark ? colour.card : "#fff"];
  }
  if (row.lane === "etcd-leader" || row.lane === "vip") {
    const [fill, edge] = nodeColours(view, span[4]);
    return [fill, colour.ink, edge];
  }
  if (/failed|unreachable/.test(span[3])) return [colour["bad-soft"], colour.ink, colour.bad];
  return [colour["blue-soft"], colour.ink, colour.blue];
}

function drawSpan(view, row, span, level) {
  const { ctx, width } = view;
  const left = Math.max(-4, view.x(span[0])),
    right = Math.min(width + 4, view.x(span[1]));
  if (right < 0 || left > width) return;
  const [fill, ink, edge] = spanStyle(view, row, span);
  const top = row.top + PAD + level * SPAN,
    size = Math.max(2, right - left - 1);
  ctx.fillStyle = fill;
  ctx.beginPath();
  ctx.roundRect(left, top, size, SPAN - 2, Math.min(3, size / 2));
  ctx.fill();
  if (edge) {
    ctx.fillStyle = edge;
    ctx.fillRect(left, top, Math.min(2, size), SPAN - 2);
  }
  const who = row.alone && span[4] && span[4] !== span[2] ? `${span[4]}: ${span[2]}` : span[2];
  const from = Math.max(left, 0) + 6,
    room = Math.min(right, width) - from - 4;
  if (room < 22) return;
  ctx.font = "11px " + view.font;
  ctx.textBaseline = "middle";
  ctx.fillStyle = ink;
  ctx.fillText(fit(ctx, who, room), from, top + SPAN / 2 - 0.5);
}

function fit(ctx, text, room) {
  if (ctx.measureText(text).width <= room) return text;
  let low = 0,
    high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (ctx.measureText(text.slice(0, middle) + "…").width <= room) low = middle;
    else high = middle - 1;
  }
  return low > 1 ? text.slice(0, low) + "…" : "";
}

function drawEvents(view, row) {
  const { ctx, colour } = view,
    middle = row.top + row.height / 2;
  ctx.fillStyle = colour.stop;
  for (const [at] of row.events) {
    const x = view.x(at);
    if (x < -5 || x > view.width + 5) continue;
    ctx.beginPath();
    ctx.moveTo(x, middle - 5);
    ctx.lineTo(x + 4, middle);
    ctx.lineTo(x, middle + 5);
    ctx.lineTo(x - 4, middle);
    ctx.fill();
  }
}

function drawCursor(view) {
  const { ctx, colour } = view;
  if (view.selecting) {
    const [a, b] = view.selecting;
    ctx.globalAlpha = 0.16;
    ctx.fillStyle = colour.blue;
    ctx.fillRect(Math.min(a, b), 0, Math.abs(b - a), view.height);
    ctx.globalAlpha = 1;
  }
  if (view.cursor === null) return;
  ctx.fillStyle = colour.soft;
  ctx.fillRect(Math.round(view.cursor), 0, 1, view.height);
}

/* The whole drill at a glance, with what is shown below. */
function drawMini(view) {
  const { mini, colour, data } = view,
    ctx = mini.ctx,
    height = mini.height;
  const x = (time) => (time / data.end) * mini.width;
  ctx.clearRect(0, 0, mini.width, height);
  const faults = view.rows.find((row) => row.lane === "fault");
  ctx.fillStyle = colour["warn-soft"];
  for (const [from, to] of faults ? faults.spans : [])
    ctx.fillRect(x(from), 0, Math.max(1, x(to) - x(from)), height);
  const probes = data.probes.filter((probe) => !probe.control),
    each = (height - 6) / Math.max(1, probes.length);
  probes.forEach((probe, index) => {
    ctx.fillStyle = colour["ok-soft"];
    ctx.fillRect(0, 3 + index * each, mini.width, Math.max(1, each - 1));
    ctx.fillStyle = colour["bad-fill"];
    for (const [from, to] of probe.failures)
      ctx.fillRect(x(from), 3 + index * each, Math.max(1.5, x(to) - x(from)), Math.max(1, each));
  });
  ctx.globalAlpha = colour.dark ? 0.6 : 0.5;
  ctx.fillStyle = colour["none-soft"];
  ctx.fillRect(0, 0, x(view.from), height);
  ctx.fillRect(x(view.to), 0, mini.width, height);
  ctx.globalAlpha = 1;
  ctx.strokeStyle = colour.blue;
  ctx.lineWidth = 2;
  ctx.strokeRect(x(view.from) + 1, 1, Math.max(3, x(view.to) - x(view.from) - 2), height - 2);
  ctx.lineWidth = 1;
}
