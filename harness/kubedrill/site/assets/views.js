const DATA = window.KUBEDRILL;
const BY_NAME = new Map(DATA.runs.map((run) => [run.run, run]));
const PAGE = 100;

function overview() {
  const worse = DATA.trends.filter((trend) => trend.change === "worse");
  const young = DATA.trends.filter((trend) => trend.change === "insufficient history");
  const latest = DATA.runs[0];
  return [
    el("h1", null, "What is safe to upgrade"),
    el(
      "p",
      { class: "soft" },
      `${DATA.runs.length} runs${latest ? `, the latest ${latest.started} UTC` : ""}. ` +
        "Each tile is the worst of the latest verdicts of its drills. A PASS that was more than " +
        `${DATA.rules.stale_days} days old when this site was made counts as inconclusive, and a ` +
        "FAIL stays one until a night proves something else.",
    ),
    el("h2", null, "Versions × topologies"),
    matrix(),
    lastRuns(),
    el("h2", null, "Trends"),
    worse.length
      ? el(
          "div",
          { class: "grid" },
          worse
            .map((trend) => [trendHeading(trend), trendCard(trend, DATA.runs)])
            .map((pair) => el("div", null, pair)),
        )
      : el(
          "p",
          { class: "card" },
          `Nothing got worse. ${young.length} of ${DATA.trends.length} series have too few ` +
            `nights to say (fewer than ${DATA.rules.least} usable ones). `,
          link("#/trends", "All trends"),
        ),
    el("h2", null, "Latest runs"),
    runTable(DATA.runs.slice(0, 8), null),
  ];
}

function trendHeading(trend) {
  const { before, after, topology, host, drill } = trend;
  return el(
    "p",
    { class: "small" },
    link(
      address("trends", { drill, before, after, topology, host }),
      `${drill}, ${versions(before, after)}, ${topology}`,
    ),
  );
}

function matrix() {
  const columns = [...new Set(DATA.matrix.map((cell) => cell.topology))].sort();
  const rows = [
    ...new Map(DATA.matrix.map((cell) => [`${cell.before} ${cell.after}`, cell])).values(),
  ].sort(
    (one, other) =>
      (one.before === one.after) - (other.before === other.after) ||
      other.after.localeCompare(one.after, undefined, { numeric: true }),
  );
  if (!rows.length)
    return el("p", { class: "card" }, "No run is in the history yet: kubedrill drill adds them.");
  const tile = (cell) =>
    el(
      "a",
      {
        class: `tile ${cell.verdict.toLowerCase()}`,
        href: address("runs", { before: cell.before, after: cell.after, topology: cell.topology }),
      },
      el("b", null, cell.verdict),
      el("span", null, count(cell.verdicts)),
      el(
        "span",
        null,
        cell.oldest === cell.latest ? cell.latest : `${cell.oldest} to ${cell.latest}`,
      ),
      cell.drills.some((drill) => drill.doubt)
        ? el(
            "span",
            { class: "stale" },
            `${cell.drills.filter((drill) => drill.doubt).length} not known to be run in ` +
              `the last ${DATA.rules.stale_days} days`,
          )
        : null,
    );
  const body = rows.map((row) =>
    el(
      "tr",
      null,
      el("th", { scope: "row" }, versions(row.before, row.after)),
      columns.map((topology) => {
        const cell = DATA.matrix.find(
          (each) =>
            each.before === row.before && each.after === row.after && each.topology === topology,
        );
        return el(
          "td",
          null,
          cell ? tile(cell) : el("span", { class: "tile none" }, el("span", null, "not drilled")),
        );
      }),
    ),
  );
  const head = el(
    "tr",
    null,
    el("td"),
    columns.map((name) => el("th", { scope: "col" }, name)),
  );
  return scroll(el("table", { class: "matrix" }, el("thead", null, head), el("tbody", null, body)));
}

function lastRuns() {
  const rows = DATA.matrix
    .flatMap((cell) => cell.drills.map((drill) => ({ cell, drill })))
    .sort((one, other) => one.drill.last.localeCompare(other.drill.last))
    .map(({ cell, drill }) =>
      el(
        "tr",
        null,
        el(
          "td",
          { class: "nowrap" },
          drill.last || "not recorded",
          drill.doubt ? ` (${drill.doubt})` : "",
        ),
        el(
          "td",
          null,
          pill(drill.verdict),
          drill.failed ? ` after the FAIL of ${drill.failed}` : "",
        ),
        el("td", null, drill.name),
        el("td", null, versions(cell.before, cell.after)),
        el("td", null, cell.topology),
        el("td", null, drill.variant),
      ),
    );
  if (!rows.length) return null;
  return el(
    "details",
    { class: "last" },
    el("summary", null, "When each drill was last run"),
    el(
      "div",
      { class: "card" },
      table(
        ["last run", "verdict", "drill", "versions", "topology", "network, application, host"],
        rows,
        { class: "stacked" },
      ),
    ),
  );
}

function count(verdicts) {
  const kinds = {};
  for (const verdict of verdicts) kinds[verdict] = (kinds[verdict] || 0) + 1;
  return Object.entries(kinds)
    .map(([kind, number]) => `${number} ${kind.toLowerCase()}`)
    .join(", ");
}

function trends(parameters) {
  const selected = DATA.trends.filter((trend) =>
    ["before", "after", "topology", "host", "drill"].every(
      (name) => !parameters.get(name) || parameters.get(name) === trend[name],
    ),
  );
  const drill = el(
    "select",
    {
      id: "drill",
      onchange: (event) => {
        location.hash = address("trends", { drill: event.target.value });
      },
    },
    el("option", { value: "" }, "all drills"),
    [...new Set(DATA.trends.map((trend) => trend.drill))]
      .sort()
      .map((name) =>
        el("option", { value: name, selected: parameters.get("drill") === name }, name),
      ),
  );
  const groups = new Map();
  for (const trend of selected) {
    const key = ["before", "after", "topology", "network", "host", "app", "drill"]
      .map((name) => trend[name])
      .join("|");
    groups.set(key, [...(groups.get(key) || []), trend]);
  }
  const rank = (group) =>
    Math.min(
      ...group.map(
        (trend) =>
          ["worse", "better", "the host changed", "slow or doubtful nights"].indexOf(
            trend.change,
          ) >>> 0,
      ),
    );
  const sorted = [...groups.values()].sort(
    (one, other) => rank(one) - rank(other) || other[0].nights.length - one[0].nights.length,
  );
  const percent = DATA.rules.alarm_rate * 100;
  return [
    el("h1", null, "Trends"),
    el(
      "p",
      { class: "soft" },
      "Changes are found by a test that allows for nights that depend on each other: about " +
        `${percent} in 100 looks flag anything where nothing changed. Dashed: the outage limit; ` +
        "line: the median; red: above its limit; hollow: set aside, the host was slow.",
    ),
    el("div", { class: "tools" }, el("label", { for: "drill" }, "Drill"), drill),
    sorted.length ? null : el("p", { class: "card" }, "No series matches."),
    sorted.map((group) => lazily(group)),
  ];
}

function lazily(group) {
  const { before, after, topology, network, host, app, drill } = group[0];
  const section = el(
    "section",
    null,
    el("h2", null, `${drill}: ${versions(before, after)}, ${topology}`),
    el("p", { class: "small soft" }, `${network}, ${host}, ${app}`),
  );
  const grid = el("div", { class: "grid", style: "min-height: 190px" });
  section.append(grid);
  new IntersectionObserver(
    (entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      grid.append(...group.map((trend) => trendCard(trend, DATA.runs)));
    },
    { rootMargin: "400px" },
  ).observe(grid);
  return section;
}

function matching(parameters) {
  const text = (parameters.get("find") || "").toLowerCase();
  return DATA.runs.filter((run) => {
    if (parameters.get("verdict") && run.verdict !== parameters.get("verdict")) return false;
    const given = Object.entries({
      before: "kubernetes",
      after: "kubernetes_after",
      topology: "topology",
    }).filter(([name]) => parameters.get(name));
    if (
      given.length &&
      !run.drills.some((drill) => given.every(([name, key]) => drill[key] === parameters.get(name)))
    )
      return false;
    return (
      !text ||
      [
        run.run,
        run.cluster,
        run.started,
        run.verdict,
        ...run.drills.flatMap((drill) => [drill.name, ...LABELS.map((name) => drill[name])]),
      ]
        .join(" ")
        .toLowerCase()
        .includes(text)
    );
  });
}

function runs(parameters) {
  const result = matching(parameters);
  const page = Math.min(
    Math.max(1, Number(parameters.get("page")) || 1),
    Math.max(1, Math.ceil(result.length / PAGE)),
  );
  const now = Object.fromEntries(parameters);
  const go = (changes) => {
    location.hash = address("runs", { ...now, page: "", ...changes });
  };
  const chosen = new Set();
  const compare = el(
    "button",
    {
      disabled: true,
      onclick: () => {
        location.hash = `#/compare/${[...chosen].reverse().join("/")}`;
      },
    },
    "Compare two",
  );
  const choose = (name, on) => {
    if (on) chosen.add(name);
    else chosen.delete(name);
    compare.disabled = chosen.size !== 2;
    compare.textContent = chosen.size === 1 ? "Choose another one" : "Compare two";
  };
  const verdict = el(
    "select",
    { id: "verdict", onchange: (event) => go({ verdict: event.target.value }) },
    el("option", { value: "" }, "all verdicts"),
    ["PASS", "FAIL", "INCONCLUSIVE", "ABORTED"].map((kind) =>
      el("option", { value: kind, selected: now.verdict === kind }, kind),
    ),
  );
  const find = el("input", {
    type: "search",
    id: "find",
    value: now.find || "",
    placeholder: "drill, version, host …",
    onchange: (event) => go({ find: event.target.value }),
  });
  const labels = ["before", "after", "topology"]
    .filter((name) => now[name])
    .map((name) => `${name} ${now[name]}`);
  const turn = (number) =>
    link(address("runs", { ...now, page: number }), number < page ? "newer" : "older");
  return [
    el("h1", null, "Runs"),
    el(
      "p",
      { class: "soft" },
      `${result.length} of ${DATA.runs.length}${labels.length ? `: ${labels.join(", ")} ` : ""}`,
      labels.length ? link("#/runs", "show all") : null,
    ),
    el(
      "div",
      { class: "tools" },
      el("label", { for: "find" }, "Find"),
      find,
      el("label", { for: "verdict" }, "Verdict"),
      verdict,
      compare,
    ),
    runTable(result.slice((page - 1) * PAGE, page * PAGE), choose),
    el(
      "p",
      { class: "tools" },
      page > 1 ? turn(page - 1) : null,
      result.length > PAGE ? `page ${page} of ${Math.ceil(result.length / PAGE)}` : null,
      page * PAGE < result.length ? turn(page + 1) : null,
    ),
  ];
}

function runTable(list, choose) {
  const rows = list.map((run) =>
    el(
      "tr",
      null,
      choose
        ? el(
            "td",
            null,
            el("input", {
              type: "checkbox",
              "aria-label": `compare ${run.run}`,
              onchange: (event) => choose(run.run, event.target.checked),
            }),
          )
        : null,
      el("td", null, pill(run.verdict)),
      el("td", { class: "nowrap" }, link(`#/run/${run.run}`, run.started || run.run)),
      el("td", null, [...new Set(run.drills.map(drillVersions))].join(", ")),
      el("td", null, run.drills.length ? run.drills[0].topology : ""),
      el(
        "td",
        null,
        run.drills.map((drill) => drill.name).join(", ") ||
          run.not_run.map((missed) => `${missed.name} (not run)`).join(", "),
      ),
      el("td", null, run.cluster),
    ),
  );
  return el(
    "div",
    { class: "card" },
    table(
      [
        ...(choose ? ["choose"] : []),
        "verdict",
        "began (UTC)",
        "versions",
        "topology",
        "drills",
        "cluster",
      ],
      rows,
      { class: "stacked" },
    ),
  );
}

function oneRun(name) {
  const run = BY_NAME.get(name);
  if (!run) return missing(`There is no run ${name} in this site.`);
  const place = DATA.runs.indexOf(run);
  const near = (offset, text) =>
    DATA.runs[place + offset] ? link(`#/run/${DATA.runs[place + offset].run}`, text) : null;
  const first = run.drills[0];
  const before =
    first &&
    DATA.runs
      .slice(place + 1)
      .find((other) =>
        other.drills.some(
          (drill) =>
            drill.name === first.name && LABELS.every((name) => drill[name] === first[name]),
        ),
      );
  return [
    el("h1", null, run.run),
    el("p", null, pill(run.verdict)),
    facts([
      ["Began", `${run.started} UTC`],
      ["Cluster", run.cluster],
      ["Seed", run.seed],
      ...(first
        ? [
            ["Topology", first.topology],
            ["Network", first.network],
            ["Host", first.host],
            ["App", first.app],
          ]
        : []),
    ]),
    el(
      "p",
      { class: "tools" },
      run.report
        ? link(run.report, "Full report with its timeline", { class: "report" })
        : el("span", { class: "soft" }, "its report is not here"),
      before ? link(`#/compare/${before.run}/${run.run}`, "Compare with the one before") : null,
      near(-1, "newer run"),
      near(1, "older run"),
    ),
    run.logs.length
      ? el(
          "p",
          { class: "small soft" },
          "Ansible's output: ",
          run.logs.map((log) => [link(log.link, log.name), " "]),
        )
      : null,
    run.drills.map((drill) => drillCard(drill)),
    run.not_run.map((missed) =>
      el(
        "section",
        { class: "card" },
        el("h2", null, missed.name, " ", pill("")),
        el("p", null, `not run: ${missed.reason}`),
      ),
    ),
  ];
}

function drillCard(drill) {
  const rows = drill.predicted.map((limit) => {
    const { shortest_s, longest_s, open_ended, requests, failed } = limit.measured;
    return el(
      "tr",
      null,
      el("td", null, pill(limit.verdict)),
      el("td", null, limit.probes),
      el(
        "td",
        { class: "num" },
        `${seconds(shortest_s)} – ${open_ended ? "?" : seconds(longest_s)}`,
      ),
      el("td", { class: "num" }, seconds(limit.baseline_s ?? limit.limit_s)),
      el("td", { class: "num" }, seconds(limit.predicted_s)),
      el("td", { class: "num" }, requests === null ? "–" : requests),
      el("td", { class: "num" }, failed),
      el("td", { class: "num" }, limit.max_failed === null ? "any" : limit.max_failed),
    );
  });
  const failedChecks = drill.checks
    .filter((check) => check.ok === false)
    .map((check) => check.name);
  return el(
    "section",
    { class: "card" },
    el(
      "h2",
      null,
      drill.name,
      " ",
      pill(drill.verdict),
      el(
        "span",
        { class: "soft small" },
        ` ${drillVersions(drill)}, ${seconds(drill.lasted_s)}, ${drill.samples} requests, ` +
          `${drill.failed} failed, ticks at most ${quantity(drill.worst_lateness_ms, "ms")} late`,
      ),
    ),
    el("p", null, drill.reason),
    failedChecks.length
      ? el("p", { class: "flag worse" }, `Failed checks: ${failedChecks.join(", ")}`)
      : null,
    table(
      [
        "verdict",
        "probes",
        ">longest outage",
        ">outage limit",
        ">predicted",
        ">requests",
        ">failed",
        ">allowed",
      ],
      rows,
    ),
  );
}

function compare(left, right) {
  const [one, other] = [BY_NAME.get(left), BY_NAME.get(right)];
  if (!one || !other) return missing(`There is no run ${one ? right : left} in this site.`);
  const names = [...new Set([...one.drills, ...other.drills].map((drill) => drill.name))];
  const head = (run) =>
    el(
      "div",
      { class: "card" },
      el("h2", null, link(`#/run/${run.run}`, run.run)),
      el("p", null, pill(run.verdict)),
      facts([
        ["Began", `${run.started} UTC`],
        ["Versions", [...new Set(run.drills.map(drillVersions))].join(", ")],
        ["Topology", run.drills.length ? run.drills[0].topology : ""],
        ["Host", run.drills.length ? run.drills[0].host : ""],
      ]),
    );
  return [
    el("h1", null, "Two runs side by side"),
    el(
      "p",
      { class: "soft" },
      "Two runs prove little: a difference here is not a trend. ",
      link("#/trends", "Trends"),
      " say what changed.",
    ),
    el("div", { class: "pair" }, head(one), head(other)),
    names.map((name) =>
      comparedDrill(
        name,
        one.drills.find((drill) => drill.name === name),
        other.drills.find((drill) => drill.name === name),
      ),
    ),
    el("p", { class: "tools" }, link(`#/compare/${right}/${left}`, "Swap them")),
  ];
}

function comparedDrill(name, one, other) {
  const probes = [
    ...new Set(
      [one, other].filter(Boolean).flatMap((drill) => drill.predicted.map((limit) => limit.probes)),
    ),
  ];
  const measured = (drill, glob, name) => {
    const limit = drill && drill.predicted.find((each) => each.probes === glob);
    return limit ? limit.measured[name] : null;
  };
  const row = (label, a, b, unit) =>
    el(
      "tr",
      null,
      el("td", null, label),
      el("td", { class: "num" }, quantity(a, unit)),
      el("td", { class: "num" }, quantity(b, unit)),
      delta(a, b, unit),
    );
  const rows = probes.flatMap((glob) => [
    row(
      `${glob}: longest outage, at most`,
      measured(one, glob, "longest_s"),
      measured(other, glob, "longest_s"),
      "s",
    ),
    row(
      `${glob}: failed requests`,
      measured(one, glob, "failed"),
      measured(other, glob, "failed"),
      "",
    ),
  ]);
  const control = (drill) => drill && drill.control && drill.control.p50_ms;
  rows.push(
    row("duration", one && one.lasted_s, other && other.lasted_s, "s"),
    row("control probe, median", control(one), control(other), "ms"),
  );
  return el(
    "section",
    { class: "card" },
    el(
      "h2",
      null,
      name,
      " ",
      one ? pill(one.verdict) : "not drilled",
      " → ",
      other ? pill(other.verdict) : "not drilled",
    ),
    table(["measure", ">left", ">right", ">difference"], rows),
    el(
      "p",
      { class: "small soft" },
      [one, other]
        .filter(Boolean)
        .map((drill) => drill.reason)
        .join(" · "),
    ),
  );
}

function delta(a, b, unit) {
  if (a === null || b === null || a === undefined || b === undefined)
    return el("td", { class: "num" }, "–");
  const finest = unit === "s" ? 0.1 : 0; // nothing is claimed finer than the probes' tick
  const by = Math.abs(b - a) < finest ? 0 : Math.round((b - a) * 1000) / 1000;
  return el(
    "td",
    { class: `num delta ${unit === "ms" ? "" : by > 0 ? "up" : by < 0 ? "down" : ""}` },
    by === 0 ? "same" : `${by > 0 ? "+" : "−"}${quantity(Math.abs(by), unit)}`,
  );
}

function nights() {
  return [
    el("h1", null, "Nights"),
    DATA.cycles.length
      ? null
      : el("p", { class: "card" }, "No cycle yet: kubedrill nightly makes them."),
    DATA.cycles.map((cycle) =>
      el(
        "section",
        { class: "card" },
        el(
          "h2",
          null,
          `${cycle.plan}, ${cycle.started.slice(0, 16).replace("T", " ")} UTC`,
          cycle.ended ? "" : " (not ended)",
        ),
        cycle.stopped.map((text) => el("p", { class: "flag worse" }, text)),
        table(["verdict", "cell", "parts", "why"], cycle.cells.map(nightCell), {
          class: "stacked nights",
        }),
      ),
    ),
  ];
}

function nightCell(cell) {
  const parts = cell.parts.map((part) => {
    // a part whose drills did not pass has failed no more than they did
    const result = (part.result === "failed" && part.verdict) || part.result;
    return el(
      "li",
      { title: part.reason || null },
      part.log ? link(part.log, part.name) : part.name,
      ` ${result === "ok" ? "" : `${result || "running"}, `}${seconds(part.seconds)}`,
    );
  });
  return el(
    "tr",
    null,
    el("td", null, pill(cell.verdict)),
    el(
      "td",
      null,
      `${cell.topology}, ${cell.versions.join(" → ")}`,
      el("br"),
      cell.during,
      el("br"),
      cell.runs.map((run, number) => [
        BY_NAME.has(run) ? link(`#/run/${run}`, `run ${number + 1}`) : null,
        " ",
      ]),
      cell.diagnostics ? link(cell.diagnostics, "diagnostics") : null,
    ),
    el("td", null, el("ul", { style: "list-style: none" }, parts)),
    el(
      "td",
      { class: "why" },
      cell.reason,
      (cell.cluster_kept ?? cell.kept) ? " (its cluster was kept)" : "",
    ),
  );
}

function missing(text) {
  return [
    el("h1", null, "Nothing here"),
    el("p", { class: "card" }, text, " ", link("#/", "Overview")),
  ];
}
