function summary(trend) {
  const [latest, median, worst] = [trend.latest, trend.median, trend.worst].map((value) =>
    quantity(value, trend.unit),
  );
  return `latest ${latest}, median ${median}, worst ${worst}`;
}

// One series over nights. Arrow keys walk through the nights, Enter opens a night's run.
function plot(trend, runs) {
  const width = 360,
    height = 120,
    left = 38,
    right = 8,
    top = 8,
    bottom = 16;
  const nights = trend.nights;
  const highest = Math.max(...nights.map((night) => night.value), trend.limit || 0) * 1.12 || 1;
  const x = (index) =>
    left + (nights.length < 2 ? 0.5 : index / (nights.length - 1)) * (width - left - right);
  const y = (value) => height - bottom - (value / highest) * (height - top - bottom);
  const label =
    `${trend.measure}, ${nights.length} nights: ${summary(trend)}. ` +
    "Arrow keys show single nights, Enter opens one.";
  const svg = el("svg", {
    class: "plot",
    viewBox: `0 0 ${width} ${height}`,
    tabindex: 0,
    role: "img",
    "aria-label": label,
  });
  const readout = el("p", { class: "readout" });
  svg.append(el("line", { class: "frame", x1: left, x2: width - right, y1: y(0), y2: y(0) }));
  for (const value of [0, highest / 2, highest]) {
    svg.append(
      el(
        "text",
        { x: left - 5, y: y(value) + 4, "text-anchor": "end" },
        trend.unit === "s" ? value.toFixed(highest < 10 ? 1 : 0) : Math.round(value),
      ),
    );
  }
  if (trend.median !== null)
    svg.append(
      el("line", {
        class: "median",
        x1: left,
        x2: width - right,
        y1: y(trend.median),
        y2: y(trend.median),
      }),
    );
  if (trend.limit !== null)
    svg.append(
      el("line", {
        class: "limit",
        x1: left,
        x2: width - right,
        y1: y(trend.limit),
        y2: y(trend.limit),
      }),
    );
  const radius = nights.length > 150 ? 1.6 : nights.length > 60 ? 2.2 : 3;
  nights.forEach((night, index) => {
    svg.append(
      el("circle", {
        class: night.aside ? "aside" : night.over ? "dot over" : "dot",
        cx: x(index),
        cy: y(night.value),
        r: radius,
      }),
    );
  });
  const cursor = el("line", {
    class: "cursor",
    y1: top,
    y2: height - bottom,
    visibility: "hidden",
  });
  svg.append(cursor);
  let shown = nights.length;
  const choose = (index) => {
    shown = Math.max(0, Math.min(nights.length - 1, index));
    const { run, value, over, aside } = nights[shown];
    cursor.setAttribute("x1", x(shown));
    cursor.setAttribute("x2", x(shown));
    cursor.setAttribute("visibility", "visible");
    readout.replaceChildren(
      link(`#/run/${runs[run].run}`, runs[run].started || runs[run].run),
      `: ${quantity(value, trend.unit)}${over ? ", over its limit" : ""}` +
        (aside ? ` (set aside: ${aside})` : ""),
    );
    document.getElementById("live").textContent = readout.textContent;
  };
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -1e6, End: 1e6 }[
      event.key
    ];
    if (step) {
      event.preventDefault();
      choose(shown + step);
    } else if (event.key === "Enter" && shown < nights.length) {
      location.hash = `#/run/${runs[nights[shown].run].run}`;
    }
  });
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const share =
      (((event.clientX - box.left) / box.width) * width - left) / (width - left - right);
    choose(Math.round(share * (nights.length - 1)));
  });
  svg.addEventListener("click", () => {
    if (shown < nights.length) location.hash = `#/run/${runs[nights[shown].run].run}`;
  });
  return [svg, readout];
}

const FLAGS = {
  worse: "worse",
  better: "better",
  "the host changed": "noise",
  "slow or doubtful nights": "noise",
};

function trendCard(trend, runs) {
  const over =
    trend.limit === null ? "" : `, over the limit on ${trend.over} of ${trend.nights.length}`;
  const limit = trend.limit === null ? "no limit" : `limit ${quantity(trend.limit, trend.unit)}`;
  return el(
    "article",
    { class: "card" },
    el("h3", null, trend.measure),
    el("p", { class: "small soft" }, `${limit}; ${summary(trend)} of ${trend.usable}${over}`),
    el(
      "p",
      { class: `small flag ${FLAGS[trend.change] || ""}` },
      trend.change + (trend.note ? `: ${trend.note}` : ""),
    ),
    plot(trend, runs),
  );
}
