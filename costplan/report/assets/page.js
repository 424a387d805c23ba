"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const money = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
  const coarse = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
  const usd = (amount) => (amount < 0 ? "−" : "") + money.format(Math.abs(amount));
  const unitUsd = (amount) => {
    if (amount === 0) return "$0";
    return "$" + amount.toFixed(Math.max(2, 2 - Math.floor(Math.log10(Math.abs(amount)))));
  };
  // Rounds halves to even, as the tables do; toFixed would round them up.
  const fixed = (number, places) => {
    const halves = number * 2 * 10 ** places;
    const isHalf = Number.isInteger(halves) && Math.abs(halves) % 2 === 1 && halves / (2 * 10 ** places) === number;
    if (!isHalf) return number.toFixed(places);
    const lower = (halves - 1) / 2;
    return ((lower % 2 ? lower + 1 : lower) / 10 ** places).toFixed(places);
  };
  const percent = (share, places = 1) => fixed(share * 100, places) + " %";
  const seconds = (s) => (s === null ? "–" : s >= 10 ? fixed(s, 0) + " s" : fixed(s, 1) + " s");
  const value = (v) =>
    data.value_unit === "usd" ? usd(v) : v.toLocaleString("en-US", { maximumFractionDigits: 2 });
  const short = (text, most) => {
    const letters = Array.from(text);
    return letters.length > most ? letters.slice(0, most - 1).join("") + "…" : text;
  };
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, content] of Object.entries(attributes)) made.setAttribute(name, content);
    made.append(...children);
    return made;
  };
  const isolated = (text) => {
    const tall = text.length > 100 || text.split("\n").length > 5; // scrolls inside its cell: by keys too
    return element("bdi", tall ? { dir: "auto", tabindex: "0" } : { dir: "auto" }, text);
  };
  const drawings = [];
  const draw = (holder, make) => {
    const redraw = () => {
      const width = Math.max(280, Math.min(holder.clientWidth || 640, 1200));
      holder.replaceChildren(make(width));
    };
    drawings.push(redraw);
    redraw();
    return redraw;
  };
  const plot = (options) => {
    const made = Plot.plot({
      style: { background: "transparent", fontSize: "12px", "--plot-background": "var(--page)" },
      ...options,
    });
    made.setAttribute("aria-hidden", "true"); // its holder has the name, and a table the figures
    return made;
  };

  // The frontier

  let measure = data.measure;
  let stop = null;
  const measured = {
    accuracy: { of: (p) => p.accuracy, label: "Accuracy (% of requests answered right)", percent: true },
    value: { of: (p) => p.value, label: data.value_label, percent: false },
  };
  const describe = (p) =>
    `${p.name}\n${usd(p.usd)}\n${percent(p.accuracy)} right\nvalue ${value(p.value)}`;
  const frontierChart = (width) => {
    const y = measured[measure].of;
    const places = [...data.frontier, ...data.rivals, data.plan];
    const most = d3.max(places, (p) => p.usd);
    const anchor = (r) => (r.usd > most * 0.75 ? "end" : r.usd < most * 0.2 ? "start" : "middle");
    const marks = [
      Plot.ruleX(stop && !data.each_month ? [stop.ceiling] : [], { stroke: "var(--other)", strokeDasharray: "3,3" }),
      Plot.line(data.frontier, { x: "usd", y, stroke: "var(--accent)", strokeWidth: 2.5 }),
      Plot.dot(data.rivals, { x: "usd", y, symbol: "diamond", r: 5, fill: "var(--muted)" }),
      ...["start", "middle", "end"].map((textAnchor) => Plot.text(data.rivals, {
        filter: (r) => anchor(r) === textAnchor, x: "usd", y, text: (r) => r.name, dy: 14, textAnchor,
        fill: "var(--quiet)", stroke: "var(--page)", strokeWidth: 4,
      })),
      Plot.dot([data.plan], { x: "usd", y, r: 6.5, fill: "var(--accent)" }),
      Plot.dot(stop ? [stop] : [], { x: "usd", y, r: 9, stroke: "var(--other)", strokeWidth: 2.5 }),
      Plot.tip(places, Plot.pointer({ x: "usd", y, title: describe })),
    ];
    return plot({
      width, height: Math.round(Math.max(260, Math.min(400, width * 0.5))), marks,
      marginLeft: 56, marginBottom: 42, marginRight: 24,
      x: { label: `Dollars ${data.per}`, tickFormat: (d) => "$" + coarse.format(d), ticks: width / 90, domain: [0, most * 1.02 || 1] },
      y: {
        label: measured[measure].label, grid: true, nice: true, percent: measured[measure].percent,
        tickFormat: measured[measure].percent ? undefined : (d) => (data.value_unit === "usd" ? "$" : "") + coarse.format(d),
      },
    });
  };
  let redrawFrontier = () => {};
  if (byId("frontier-chart")) {
    redrawFrontier = draw(byId("frontier-chart"), frontierChart);
    const chooser = byId("measure");
    chooser.hidden = false;
    for (const radio of chooser.querySelectorAll("input")) {
      radio.checked = radio.value === measure;
      radio.addEventListener("change", () => {
        measure = radio.value;
        redrawFrontier();
      });
    }
  }

  // The slider

  const chosen = (picks) => {
    const parts = [];
    for (const [option, share] of picks) {
      const label = data.options[option];
      parts.push(share === 1 ? isolated(label) : isolated(`${percent(share)} ${label}`));
    }
    return parts;
  };
  const same = (one, other) =>
    one.length === other.length && one.every((pick, i) => pick[0] === other[i][0] && pick[1] === other[i][1]);
  const sum = (picks, place) => picks.reduce((total, pick) => total + pick[place], 0);
  const mean = (picks) => picks.reduce((total, pick) => total + pick[1] * pick[3], 0);
  const states = [];
  const stateAt = (index) => {
    while (states.length <= index) {
      const state = states.length ? states[states.length - 1].slice() : [];
      for (const [unit, picks] of data.stops[states.length].changes) state[unit] = picks;
      states.push(state);
    }
    return states[index];
  };
  const MOST_ROWS = 60;
  const figure = (name, said, before) => {
    const row = element("span", {}, `${name} `, element("b", {}, said));
    if (before !== null) row.append(` (plan: ${before})`);
    return row;
  };
  const showStop = (index) => {
    stop = data.stops[index];
    const slider = byId("ceiling");
    slider.value = index;
    const own = index === data.own;
    const state = stateAt(index).map((picks, unit) => (same(picks, data.plan.units[unit]) ? data.plan.units[unit] : picks));
    byId("ceiling-said").textContent = usd(stop.ceiling);
    slider.setAttribute("aria-valuetext",
      `ceiling ${usd(stop.ceiling)}, bill ${usd(stop.usd)}, accuracy ${percent(stop.accuracy)}`);
    const beside = (said) => (own ? null : said);
    byId("ceiling-figures").replaceChildren(
      figure("Bill", usd(stop.usd), beside(usd(data.plan.usd))),
      figure("Accuracy", percent(stop.accuracy), beside(percent(data.plan.accuracy))),
      figure("Value", value(stop.value), beside(value(data.plan.value))),
      figure("Mean latency", seconds(stop.latency), beside(seconds(data.plan.latency))),
    );
    const changed = state.map((picks, unit) => !same(picks, data.plan.units[unit]));
    const count = changed.filter(Boolean).length;
    const unsure = stop.sure ? "" : " No plan keeps this ceiling with the confidence asked for; it is kept as forecast.";
    byId("ceiling-change").textContent =
      (own ? "This is the plan." : count === 0 ? "The choices are those of the plan."
        : `${count} of ${state.length} choices differ from the plan.`) + unsure;
    const rows = state.map((picks, unit) => unit);
    rows.sort((a, b) => changed[b] - changed[a] || a - b);
    const kept = rows.length > MOST_ROWS ? rows.slice(0, MOST_ROWS) : state.map((picks, unit) => unit);
    byId("ceiling-caption").textContent = kept.length < rows.length
      ? `Choices at this ceiling: ${kept.length} of ${rows.length}, changed ones first.`
      : "Choices at this ceiling. Changed ones are marked ≠.";
    byId("ceiling-table").tBodies[0].replaceChildren(...kept.map((unit) => {
      const picks = state[unit];
      const name = element("th", { scope: "row", class: "text" }, isolated(data.units[unit]));
      const now = element("td", { class: "text" }, ...(changed[unit] ? ["≠ "] : []), ...chosen(picks));
      return element("tr", changed[unit] ? { class: "changed" } : {}, name,
        element("td", { class: "text" }, ...chosen(data.plan.units[unit])), now,
        element("td", { class: "num" }, usd(sum(picks, 2))),
        element("td", { class: "num" }, percent(mean(picks))));
    }));
    byId("ceiling-command").textContent = `${data.command} --usd ${stop.ceiling_text}`;
    redrawFrontier();
  };
  if (byId("ceiling")) {
    byId("ceiling-low").textContent = usd(data.stops[0].ceiling);
    byId("ceiling-high").textContent = usd(data.stops[data.stops.length - 1].ceiling);
    const start = data.own >= 0 ? data.own : data.stops.length - 1;
    byId("ceiling").addEventListener("input", (event) => showStop(Number(event.target.value)));
    byId("ceiling-back").addEventListener("click", () => showStop(start));
    showStop(start);
  }

  // Before and after

  if (byId("before-chart") && data.before.length) {
    draw(byId("before-chart"), (width) => {
      const narrow = width < 560;
      const bars = data.before.flatMap((row) => [
        { name: row.name, when: "before", usd: row.before },
        { name: row.name, when: "after", usd: row.after },
      ]);
      return plot({
        width, height: 40 + data.before.length * 46,
        marginLeft: narrow ? 104 : 190, marginRight: 70, marginBottom: 36,
        fy: { label: null, padding: 0.2, domain: data.before.map((row) => row.name), axis: null },
        y: { axis: null, domain: ["before", "after"], padding: 0.05 },
        x: { label: `Dollars ${data.per}`, grid: true, tickFormat: (d) => "$" + coarse.format(d), ticks: width / 110 },
        marks: [
          Plot.barX(bars, {
            x: "usd", y: "when", fy: "name", title: (b) => `${b.name}, ${b.when}: ${usd(b.usd)}`,
            fill: (b) => (b.when === "before" ? "var(--muted)" : "var(--accent)"),
          }),
          Plot.text(bars, { x: "usd", y: "when", fy: "name", text: (b) => usd(b.usd), dx: 4, textAnchor: "start" }),
          Plot.text(data.before, {
            fy: "name", frameAnchor: "left", dx: -8, textAnchor: "end",
            text: (row) => short(row.name, narrow ? 15 : 28), title: "name",
          }),
          Plot.ruleX([0]),
        ],
      });
    });
  }

  // Curves

  const FATES = {
    chosen: { fill: "var(--accent)", stroke: "var(--accent)", r: 6 },
    hull: { fill: "var(--other)", stroke: "var(--other)", r: 3.5 },
  };
  const REST = { fill: "none", stroke: "var(--muted)", r: 2.5 };
  const look = (point) => FATES[point.fate] || REST;
  const roundTicks = (points, count) => {
    const [low, high] = d3.extent(points, (p) => p.usd);
    const all = d3.range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1)
      .flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power)).filter((tick) => tick >= low && tick <= high);
    const tens = all.filter((tick) => Number.isInteger(Math.round(Math.log10(tick) * 1e6) / 1e6));
    return all.length <= count ? all : tens.length >= 2 ? tens : [low, high];
  };
  const curveChart = (points, height) => (width) => {
    const sorted = d3.sort(points, (p) => p.usd);
    const free = points.some((p) => p.usd <= 0);
    const front = d3.sort(points, (p) => (p.fate === "chosen" ? 2 : p.fate === "hull" ? 1 : 0));
    const best = points.filter((p) => p.fate === "chosen");
    const middle = d3.median(points, (p) => p.usd);
    return plot({
      width, height, marginLeft: 44, marginBottom: 40, marginTop: 24,
      x: {
        type: free ? "linear" : "log", label: "Dollars per request", insetLeft: 8, insetRight: 8,
        ticks: free ? Math.max(2, width / 120) : roundTicks(points, width / 55),
        tickFormat: (d) => "$" + (d >= 1 ? coarse.format(d) : String(Number(d.toPrecision(2)))),
      },
      y: { label: "Accuracy (%)", percent: true, grid: true, ticks: 6 },
      marks: [
        Plot.ruleX(front, {
          x: "usd", y1: "low", y2: "high", stroke: (p) => look(p).stroke,
          strokeOpacity: (p) => (p.fate === "chosen" ? 1 : p.fate === "hull" ? 0.45 : 0.18),
          strokeWidth: (p) => (p.fate === "chosen" ? 2 : 1),
        }),
        Plot.line(sorted, { x: "usd", y: "mean", z: "model", stroke: "var(--muted)", strokeOpacity: 0.45 }),
        Plot.dot(front, { x: "usd", y: "mean", fill: (p) => look(p).fill, stroke: (p) => look(p).stroke, r: (p) => look(p).r }),
        ...best.map((one, i) => Plot.text([one], {
          x: "usd", y: "mean", text: (p) => short(p.option, 30), fontWeight: 600,
          dy: i % 2 ? 16 : -13, dx: one.usd > middle ? 6 : -6, textAnchor: one.usd > middle ? "end" : "start",
          fill: "currentColor", stroke: "var(--page)", strokeWidth: 4,
        })),
        Plot.tip(points, Plot.pointer({
          x: "usd", y: "mean", maxRadius: 30,
          title: (p) => `${short(p.option, 60)}\n${unitUsd(p.usd)} a request\n${percent(p.mean)} right (${percent(p.low, 0)} to ${percent(p.high, 0)})\n${p.said}`,
        })),
      ],
    });
  };
  const pointsOf = (curve) => curve.points.map(([option, cost, mean, low, high, fate]) => ({
    option: data.options[option], model: data.models[option], usd: cost, mean, low, high,
    fate: data.fates[fate][0], said: data.fates[fate][1],
  }));
  const curveFigure = (curve, heading) => {
    const holder = element("div", { role: "img", "aria-label": `Chart of accuracy by dollars per request in ${short(curve.name, 100)}` });
    const made = element("figure", { class: "curve" }, element(heading, {}, isolated(curve.name)), holder,
      element("figcaption", { dir: "auto" }, curve.evidence));
    return [made, holder];
  };
  const place = (list, curve) => {
    const [made, holder] = curveFigure(curve, "h3");
    list.append(made);
    const table = [...document.querySelectorAll("details[data-class]")].find((part) => part.dataset.class === curve.name);
    if (table) made.append(table);
    return draw(holder, curveChart(pointsOf(curve), 300));
  };
  const list = byId("curve-list");
  if (list && data.curves.length <= data.most_curves) {
    if (data.curves.length === 1) list.style.display = "block";
    for (const curve of data.curves) place(list, curve);
  } else if (list) {
    const tools = byId("curve-tools");
    const find = byId("curve-find");
    tools.hidden = false;
    list.style.display = "block";
    byId("curve-names").append(...data.curves.map((curve) => element("option", { value: short(curve.name, 200) })));
    let current = null;
    const show = () => {
      const sought = find.value.trim().toLowerCase();
      const curve = data.curves.find((c) => short(c.name, 200).toLowerCase() === sought)
        || (sought && data.curves.find((c) => c.name.toLowerCase().includes(sought))) || data.curves[0];
      if (curve === current) return;
      current = curve;
      list.replaceChildren();
      drawings.length = settled;
      place(list, curve);
      const rows = pointsOf(curve).map((p) => element("tr", {},
        element("th", { scope: "row", class: "text" }, isolated(p.option)),
        element("td", { class: "num" }, unitUsd(p.usd)),
        element("td", { class: "num" }, `${percent(p.mean)} (${percent(p.low, 0)} to ${percent(p.high, 0)})`),
        element("td", { class: "text" }, p.said)));
      const head = ["Option", "Dollars per request", "Accuracy", "Fate"].map((said, i) =>
        element("th", { scope: "col", class: i === 1 || i === 2 ? "num" : "text" }, said));
      list.append(element("details", {}, element("summary", {}, "Table of this curve"),
        element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows)))));
    };
    const settled = drawings.length;
    find.addEventListener("input", show);
    show();
  }

  // Long tables, a page at a time

  const PAGE = 100;
  for (const [key, columns] of Object.entries(data.tables)) {
    const table = document.querySelector(`table[data-table="${key}"]`);
    const count = (columns[0].each || columns[0].at).length;
    const cell = (column, row) => {
      const { each, said, at } = columns[column];
      return each ? each[row] : said[at[row]];
    };
    let rows = d3.range(count);
    let first = 0;
    let by = null; // column that rows are sorted by, and which way
    const amount = (text) => {
      const found = text.replace(/[,$]/g, "").replace("\u2212", "-").match(/-?\d+(\.\d+)?/);
      return found ? Number(found[0]) * (/\d\s?ms/.test(text) ? 1e-3 : 1) : null;
    };
    const sort = () => {
      if (!by) return;
      const keys = new Map(rows.map((row) => [row, columns[by.column].kind === "num" ? amount(cell(by.column, row)) : cell(by.column, row)]));
      const order = (a, b) => {
        const [one, other] = [keys.get(a), keys.get(b)];
        if (one === null || other === null) return (one === null) - (other === null) || a - b; // unknown last, both ways
        return by.way * (typeof one === "number" ? one - other : one < other ? -1 : one > other ? 1 : 0) || a - b;
      };
      rows.sort(order);
    };
    const find = element("input", { type: "search", "aria-label": `Find rows in ${key}`, placeholder: "Find…" });
    const back = element("button", { type: "button" }, "Previous");
    const next = element("button", { type: "button" }, "Next");
    const whereabouts = element("span", { class: "quiet", "aria-live": "polite" });
    const fill = () => {
      const shown = rows.slice(first, first + PAGE);
      table.tBodies[0].replaceChildren(...shown.map((row) => element("tr", {}, ...columns.map((column, i) =>
        element(i ? "td" : "th", i ? { class: column.kind } : { class: column.kind, scope: "row" },
          column.kind === "text" ? isolated(cell(i, row)) : cell(i, row))))));
      const whole = rows.length.toLocaleString("en-US");
      whereabouts.textContent = shown.length ? `${first + 1} to ${first + shown.length} of ${whole}` : "none";
      back.disabled = first === 0;
      next.disabled = first + PAGE >= rows.length;
    };
    back.addEventListener("click", () => { first -= PAGE; fill(); });
    next.addEventListener("click", () => { first += PAGE; fill(); });
    find.addEventListener("input", () => {
      const sought = find.value.toLowerCase();
      const fits = columns.map((column) => (column.each || column.said).map((text) => text.toLowerCase().includes(sought)));
      rows = d3.range(count).filter((row) => fits.some((fit, i) => fit[columns[i].each ? row : columns[i].at[row]]));
      sort();
      first = 0;
      fill();
    });
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = element("button", { type: "button", class: "sort" }, heading.textContent);
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        by = { column, way: by && by.column === column ? -by.way : 1 };
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", by.way > 0 ? "ascending" : "descending");
        sort();
        first = 0;
        fill();
      });
    });
    table.parentElement.before(element("div", { class: "tools" }, find, back, next, whereabouts));
    fill();
  }

  // Width and paper

  let pending = 0;
  const redrawAll = () => drawings.forEach((redraw) => redraw());
  let width = byId("main").clientWidth;
  new ResizeObserver(() => {
    if (byId("main").clientWidth === width) return;
    width = byId("main").clientWidth;
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(redrawAll);
  }).observe(byId("main"));
  const folded = () => document.querySelectorAll("details");
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...folded()].filter((part) => !part.open);
    opened.forEach((part) => { part.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
})();
