/* Zooming, moving and hovering. */

const SHORTEST = 50; // ms: half a tick of the usual 10 Hz; nothing is finer

class Timeline {
  constructor(element, data) {
    this.element = element;
    this.data = data;
    this.from = 0;
    this.to = data.end;
    this.cursor = null;
    this.selecting = null;
    this.pointers = new Map();
    this.canvas = element.querySelector(".main");
    this.ctx = this.canvas.getContext("2d");
    const mini = element.querySelector(".mini");
    this.mini = { canvas: mini, ctx: mini.getContext("2d"), width: 0 };
    this.tip = element.querySelector(".tip");
    this.hint = element.querySelector(".hint");
    this.link = element.querySelector(".window");
    this.id = element.closest(".drill").id;
    this.listen();
    this.resize();
    this.legend();
  }

  x(time) {
    return ((time - this.from) / (this.to - this.from)) * this.width;
  }
  time(x) {
    return this.from + (x / this.width) * (this.to - this.from);
  }

  labels() {
    const box = this.element.querySelector(".labels");
    box.replaceChildren();
    for (const row of this.rows) {
      const label = document.createElement("div"),
        text = document.createElement("span");
      text.textContent = row.label;
      label.title = row.label;
      label.append(text);
      label.style.height = (row.head || row.height) + "px";
      if (this.narrow) label.style.top = row.top - row.head + "px";
      if (row.name) {
        const name = document.createElement("code");
        name.textContent = row.name;
        label.title = `${row.label}: ${row.name}`;
        text.append(name);
      }
      if (row.kind === "group") label.className = "group";
      if (row.lane) label.dataset.lane = row.lane;
      if (row.kind === "probe" && row.probe.failed) {
        label.className = "bad";
        label.dataset.failed = row.probe.failed.toLocaleString("en");
      }
      box.append(label);
    }
    this.canvas.setAttribute(
      "aria-label",
      this.rows
        .filter((row) => row.lane)
        .map(
          (row) =>
            row.label +
            (row.probe
              ? `: ${row.probe.failed} of ${row.probe.samples} requests failed`
              : `: ${(row.spans || row.events).length} entries`),
        )
        .join("; "),
    );
  }

  /* Who has which colour in the lanes of leaders and holders. */
  legend() {
    const item = this.element.querySelector(".legend .nodes");
    if (!item) return;
    const lanes = this.data.lanes.filter((one) => one.lane === "etcd-leader" || one.lane === "vip");
    const nodes = [
      ...new Set(
        lanes
          .flatMap((one) => one.rows)
          .flatMap((row) => row.spans)
          .map((one) => one[4]),
      ),
    ].sort();
    item.replaceChildren(
      "leader or holder:",
      ...nodes.flatMap((node) => {
        const mark = document.createElement("i"),
          [fill, edge] = nodeColours(this, node);
        mark.style.background = fill;
        mark.style.borderLeft = `2px solid ${edge}`;
        return [mark, node];
      }),
    );
  }

  resize() {
    const narrow = matchMedia("(max-width: 600px)").matches;
    if (narrow !== this.narrow) {
      this.narrow = narrow;
      Object.assign(this, layout(this.data, narrow));
      this.labels();
    }
    this.colour = colours(this.element);
    this.font = getComputedStyle(document.body).fontFamily;
    this.width = this.fitCanvas(this.canvas, this.ctx, this.height);
    this.mini.height = matchMedia("(max-width: 600px), (pointer: coarse)").matches ? 44 : 26;
    this.mini.width = this.fitCanvas(this.mini.canvas, this.mini.ctx, this.mini.height);
    this.draw();
  }

  fitCanvas(canvas, ctx, height) {
    const ratio = devicePixelRatio || 1,
      width = canvas.clientWidth;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = height + "px";
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    return width;
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      drawAll(this);
      drawMini(this);
      const step = (this.to - this.from) / 100;
      const at = (time) => wall(this.data.wall + time, step * 10);
      const utc = this.data.wall === null ? "" : ` · ${at(this.from)} – ${at(this.to)} UTC`;
      this.link.textContent = `${clock(this.from, step)} – ${clock(this.to, step)}${utc}`;
      const [from, to] = [this.from, this.to].map((time) => (time / 1000).toFixed(2));
      this.link.hash = `#${this.id}@${from}-${to}`;
      this.element.dataset.from = this.from.toFixed(1);
      this.element.dataset.to = this.to.toFixed(1);
    });
  }

  moveTo(from, to) {
    const length = Math.min(this.data.end, Math.max(SHORTEST, to - from));
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(0, middle - length / 2), this.data.end - length);
    this.to = this.from + length;
    this.draw();
  }

  zoom(factor, at = (this.from + this.to) / 2) {
    if (factor < 1 && this.to - this.from <= SHORTEST) return;
    this.moveTo(at - (at - this.from) * factor, at + (this.to - at) * factor);
  }

  move(part) {
    const by = Math.min(
      this.data.end - this.to,
      Math.max(-this.from, (this.to - this.from) * part),
    );
    this.moveTo(this.from + by, this.to + by);
  }

  nextFailure() {
    const after = this.to - this.from < this.data.end * 0.9 ? (this.from + this.to) / 2 + 1 : -1;
    const all = this.data.probes
      .filter((probe) => !probe.control)
      .flatMap((probe) => probe.failures.map((one) => one[0]))
      .sort((a, b) => a - b);
    if (!all.length) return;
    const window = Math.min(this.data.end, 5000);
    let next = all.find((time) => time > after + window / 2);
    if (next === undefined) next = all[0];
    this.moveTo(next - window / 2, next + window / 2);
  }

  run(what) {
    ({
      in: () => this.zoom(0.5),
      out: () => this.zoom(2),
      left: () => this.move(-0.3),
      right: () => this.move(0.3),
      all: () => this.moveTo(0, this.data.end),
      failure: () => this.nextFailure(),
    })[what]();
  }

  listen() {
    const keys = {
      "+": "in",
      "=": "in",
      "-": "out",
      ArrowLeft: "left",
      ArrowRight: "right",
      0: "all",
      Home: "all",
      n: "failure",
    };
    this.element.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      this.run(keys[event.key]);
    });
    this.element
      .querySelectorAll("button")
      .forEach((button) => button.addEventListener("click", () => this.run(button.dataset.do)));
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    for (const name of ["pointerup", "pointercancel"])
      this.canvas.addEventListener(name, (event) => this.release(event));
    this.canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "touch") return;
      this.cursor = null;
      this.tip.hidden = true;
      this.draw();
    });
    this.canvas.addEventListener("dblclick", () => this.run("all"));
    this.mini.canvas.addEventListener("pointerdown", (event) => this.grab(event));
  }

  wheel(event) {
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      event.preventDefault();
      this.move((event.deltaX || event.deltaY) / this.width);
    } else if (event.ctrlKey || event.metaKey || document.activeElement === this.element) {
      event.preventDefault();
      this.zoom(
        Math.exp(Math.max(-200, Math.min(200, event.deltaY)) * 0.0025),
        this.time(event.offsetX),
      );
    } else {
      this.hint.classList.add("show");
      clearTimeout(this.fading);
      this.fading = setTimeout(() => this.hint.classList.remove("show"), 1500);
    }
  }

  /* One finger moves, two pinch: the time that a finger was on stays under it. A tap names what
     is there. */
  touch(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, {
      start: event.offsetX,
      x: event.offsetX,
      time: this.time(event.offsetX),
    });
    for (const one of this.pointers.values()) {
      one.start = one.x;
      one.time = this.time(one.x);
    }
    this.span = this.to - this.from;
  }

  swipe(event) {
    const finger = this.pointers.get(event.pointerId);
    if (!finger) return;
    finger.x = event.offsetX;
    const [one, two] = this.pointers.values();
    if (!two) {
      if (Math.abs(one.x - one.start) < 6) return;
      const from = one.time - (one.x / this.width) * this.span;
      this.moveTo(from, from + this.span);
    } else if (Math.abs(one.x - two.x) > 8 && Math.abs(one.time - two.time) > 0) {
      const scale = (two.time - one.time) / (two.x - one.x);
      if (scale > 0) this.moveTo(one.time - one.x * scale, one.time + (this.width - one.x) * scale);
    }
    this.tip.hidden = true;
  }

  release(event) {
    const finger = this.pointers.get(event.pointerId);
    if (!finger) return;
    this.pointers.delete(event.pointerId);
    for (const one of this.pointers.values()) {
      one.start = one.x;
      one.time = this.time(one.x);
    }
    this.span = this.to - this.from;
    if (event.type === "pointerup" && Math.abs(finger.x - finger.start) < 6) this.tell(event);
  }

  press(event) {
    if (event.pointerType === "touch") {
      this.touch(event);
      return;
    }
    if (event.button !== 0) return;
    const start = event.offsetX,
      { from, to } = this,
      moving = event.shiftKey;
    this.canvas.setPointerCapture(event.pointerId);
    this.element.focus({ preventScroll: true });
    const drag = (next) => {
      if (moving) {
        const by = ((start - next.offsetX) / this.width) * (to - from);
        this.moveTo(from + by, to + by);
      } else {
        this.selecting = [start, next.offsetX];
        this.draw();
      }
    };
    const stop = () => {
      this.canvas.removeEventListener("pointermove", drag);
      this.canvas.removeEventListener("pointerup", stop);
      this.canvas.removeEventListener("pointercancel", stop);
      const range = this.selecting;
      this.selecting = null;
      if (range && Math.abs(range[1] - range[0]) > 4)
        this.moveTo(this.time(Math.min(...range)), this.time(Math.max(...range)));
      else if (!moving) this.follow(event);
      this.draw();
    };
    this.canvas.addEventListener("pointermove", drag);
    this.canvas.addEventListener("pointerup", stop);
    this.canvas.addEventListener("pointercancel", stop);
  }

  grab(event) {
    const canvas = this.mini.canvas,
      half = (this.to - this.from) / 2;
    const go = (next) => {
      const at = Math.min(
        this.data.end - half,
        Math.max(half, (next.offsetX / this.mini.width) * this.data.end),
      );
      this.moveTo(at - half, at + half);
    };
    canvas.setPointerCapture(event.pointerId);
    go(event);
    const stop = () => {
      canvas.removeEventListener("pointermove", go);
      canvas.removeEventListener("pointerup", stop);
      canvas.removeEventListener("pointercancel", stop);
    };
    canvas.addEventListener("pointermove", go);
    canvas.addEventListener("pointerup", stop);
    canvas.addEventListener("pointercancel", stop);
  }

  hover(event) {
    if (event.pointerType === "touch") this.swipe(event);
    else this.tell(event);
  }

  tell(event) {
    this.cursor = event.offsetX;
    this.draw();
    const row = this.rowAt(event.offsetY);
    const lines = row ? this.describe(row, event.offsetX, event.offsetY) : [];
    this.tip.replaceChildren(
      ...[[this.both(this.time(event.offsetX), 1), "t"], ...lines].map(([text, name]) => {
        const line = document.createElement(name === "b" ? "b" : "div");
        line.className = name === "b" ? "" : name || "";
        line.textContent = text;
        return line;
      }),
    );
    this.tip.hidden = false;
    const box = this.canvas.parentElement.getBoundingClientRect(),
      left = this.canvas.offsetLeft + event.offsetX;
    this.tip.style.left =
      (left + 16 + this.tip.offsetWidth > box.width
        ? Math.max(4, left - 16 - this.tip.offsetWidth)
        : left + 16) + "px";
    this.tip.style.top =
      Math.max(4, Math.min(event.offsetY + 14, this.height - this.tip.offsetHeight - 4)) + "px";
  }

  /* Seconds since the begin, and the clock on the wall. */
  both(time, step) {
    return (
      clock(time, step) +
      (this.data.wall === null ? "" : ` · ${wall(this.data.wall + time, 100)} UTC`)
    );
  }

  rowAt(y) {
    return this.rows.find((one) => y >= one.top && y < one.top + one.height);
  }

  spanAt(row, x, y) {
    const time = this.time(x),
      near = Math.max(1, (this.to - this.from) / this.width) * 3,
      level = Math.floor((y - row.top - PAD) / SPAN);
    return row.spans.find(
      (one, index) =>
        row.levels.level[index] === level && one[0] - near <= time && time <= one[1] + near,
    );
  }

  follow(event) {
    const row = this.rowAt(event.offsetY),
      span = row && row.kind === "spans" ? this.spanAt(row, event.offsetX, event.offsetY) : null;
    if (span && span[6]) location.href = span[6];
  }

  describe(row, x, y) {
    const time = this.time(x),
      near = Math.max(1, (this.to - this.from) / this.width) * 3;
    if (row.kind === "probe") return this.describeProbe(row.probe, time, near);
    if (row.kind === "spans") {
      const span = this.spanAt(row, x, y);
      this.canvas.style.cursor = span && span[6] ? "pointer" : "";
      if (!span) return [[row.label, "b"]];
      const [from, to, label, detail, subject, open, link] = span;
      const lasted = clock(to - from, 10);
      return [
        [subject && subject !== label ? `${subject}: ${label}` : label, "b"],
        [`${clock(from, 10)} – ${clock(to, 10)}${open ? " (not ended)" : ""}, ${lasted}`],
        ...(detail ? [[detail]] : []),
        ...(link ? [["click: its line in the log", "t"]] : []),
      ];
    }
    if (row.kind === "events")
      return row.events
        .filter((one) => Math.abs(one[0] - time) <= near * 2)
        .slice(0, 6)
        .flatMap(([at, lane, subject, name, detail]) => [
          [`${subject}: ${name}`, "b"],
          [[this.both(at, 10), lane, detail].filter(Boolean).join(", "), "t"],
        ]);
    return [];
  }

  describeProbe(probe, time, near) {
    const width = probe.width,
      from = Math.min(time - near, Math.floor(time / width) * width),
      to = Math.max(time + near, from + width);
    let ok = 0,
      slowest = 0;
    for (
      let index = firstFrom(probe.buckets, Math.floor(from / width));
      index < probe.buckets.length && probe.buckets[index][0] * width < to;
      index++
    ) {
      ok += probe.buckets[index][1];
      slowest = Math.max(slowest, probe.buckets[index][3]);
    }
    const failed = new Map();
    for (const [first, last, count, outcome] of probe.failures)
      if (last >= from && first <= to) failed.set(outcome, (failed.get(outcome) || 0) + count);
    const lines = [
      [`${probe.words} (${probe.name})`, "b"],
      [probe.what, "t"],
    ];
    for (const [outcome, count] of failed) lines.push([`${count} failed: ${outcome}`, "f"]);
    lines.push([
      ok
        ? `${ok} answered, slowest ${slowest} ms`
        : failed.size
          ? "none answered"
          : "no request here",
    ]);
    const steps = this.rows
      .filter((row) => row.lane === "step" || row.lane === "ansible")
      .flatMap((row) => row.spans)
      .filter((one) => one[0] <= time && time <= one[1])
      .sort((a, b) => b[0] - a[0]);
    if (steps.length) lines.push([`during ${steps[0][4]}: ${steps[0][2]}`, "t"]);
    return lines;
  }
}

(() => {
  const data = JSON.parse(document.getElementById("data").textContent),
    made = [];
  const make = (element) => {
    if (!element.made) {
      element.made = true;
      made.push(new Timeline(element, data[Number(element.dataset.drill)]));
    }
  };
  const seen = new IntersectionObserver(
    (entries) => entries.forEach((entry) => entry.isIntersecting && make(entry.target)),
    { rootMargin: "600px" },
  );
  document.querySelectorAll(".timeline").forEach((element) => seen.observe(element));
  /* A fragment such as #drill-1@30-45.5 opens the page at that window, in seconds. */
  const open = () => {
    const [, id, from, to] =
      /^#(drill-\d+)@(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(location.hash) || [];
    const section = id && document.getElementById(id),
      element = section && section.querySelector(".timeline");
    if (!element || Number(from) >= Number(to)) return;
    make(element);
    made.find((one) => one.element === element).moveTo(from * 1000, to * 1000);
    element.scrollIntoView({ block: "start", behavior: "instant" });
  };
  addEventListener("hashchange", open);
  open();
  addEventListener("resize", () => made.forEach((one) => one.resize()));
  addEventListener("beforeprint", () => document.querySelectorAll(".timeline").forEach(make));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    made.forEach((one) => one.resize()),
  );
})();
