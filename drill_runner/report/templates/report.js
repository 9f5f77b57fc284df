// Draws the timeline from the data in the page: probes above, phases and the pool's servers below, marks across.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("timeline-data").textContent);
  const plot = document.getElementById("plot");
  const SYMBOLS = {
    ok: "circle", wrong_answer: "star", too_slow: "triangle-up", http_error: "x", connection_error: "cross",
    timeout: "square", truncated: "diamond", not_sent: "circle-open",
  };
  const MANY = 5000; // dots; above this SVG is slow and WebGL draws them
  const ROW = 26; // pixels of a phase or server row
  const TICKS_MS = [0.1, 1, 10, 100, 1000, 10000, 100000];
  const LABEL = 17; // pixels of a line of mark labels

  const dots = data.series.reduce((sum, one) => sum + one.at_s.length, 0);
  const hasWebGL = () => {
    try { return Boolean(document.createElement("canvas").getContext("webgl")); } catch { return false; }
  };
  const dotType = dots > MANY && hasWebGL() ? "scattergl" : "scatter";
  // plotly reads a little HTML in its texts; what a server answered must stay text.
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const seconds = (value) => `${Number(value.toPrecision(4))} s`;

  function colours() {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue(`--${name}`).trim();
  }

  function probes(colour) {
    return data.series.map((one) => ({
      type: dotType, mode: "markers", name: `${one.title} (${one.at_s.length})`,
      x: one.at_s, y: one.took_ms, customdata: one.notes.map(plain),
      marker: {
        color: colour(one.outcome), symbol: SYMBOLS[one.outcome], size: one.outcome === "ok" ? 4.5 : 7.5,
        opacity: one.outcome === "ok" ? (dots > MANY ? 0.35 : 0.6) : 0.9,
      },
      hovertemplate: `<b>${one.title}</b> after %{y:.4~g} ms<br>due at %{x:.3f} s<br>%{customdata}<extra></extra>`,
    }));
  }

  // A stream takes as long as its tokens, so it has a shape of its own, well above the probes.
  function streams(colour) {
    return data.streams.map((one) => ({
      type: "scatter", mode: "markers", name: `stream: ${one.title} (${one.at_s.length})`,
      x: one.at_s, y: one.took_ms, customdata: one.notes.map(plain),
      marker: { color: colour(one.outcome), symbol: "triangle-right-open", size: 9, line: { width: 1.6 } },
      hovertemplate: `<b>${one.title}</b> after %{y:.4~g} ms<br>due at %{x:.3f} s<br>%{customdata}<extra></extra>`,
    }));
  }

  const bar = (rows, more) => ({
    type: "bar", orientation: "h", yaxis: "y2", showlegend: false, textposition: "inside", insidetextanchor: "middle",
    textangle: 0, constraintext: "none", cliponaxis: true,
    base: rows.map((row) => row.start_s), x: rows.map((row) => Math.max(row.end_s - row.start_s, 0.001)), ...more,
  });

  // Text that does not fit its bar says less than the bar alone.
  const fits = (row, text, perSecond) => ((row.end_s - row.start_s) * perSecond > text.length * 6.4 + 6 ? text : "");

  function rows(colour, perSecond) {
    const hover = "%{customdata}<extra></extra>";
    const font = { color: colour("on-band"), size: 11 };
    const span = (row) => `${seconds(row.start_s)} to ${seconds(row.end_s)}`;
    const phases = bar(data.phases, {
      y: data.phases.map(() => "phase"), text: data.phases.map((row) => fits(row, row.title, perSecond)),
      textfont: font, marker: { color: colour("phase"), line: { color: colour("card"), width: 1 } },
      customdata: data.phases.map((row) =>
        `<b>${plain(row.title)}</b><br>${span(row)}${row.problem ? `<br>${plain(row.problem)}` : ""}`),
      hovertemplate: hover,
    });
    const states = ["up", "down", "drain", "unknown"].map((state) => {
      const those = data.bands.filter((band) => band.state === state);
      return bar(those, {
        y: those.map((band) => band.server), text: those.map((band) => fits(band, band.word, perSecond)),
        textfont: font, marker: { color: colour(state), line: { color: colour("card"), width: 1 } },
        customdata: those.map((band) => `<b>${plain(band.server)} ${plain(band.word)}</b><br>${span(band)}`),
        hovertemplate: hover,
      });
    });
    return [phases, ...states.filter((trace) => trace.x.length)];
  }

  // Each label goes into the first line in which it touches no other.
  function label(marks, perSecond, width) {
    const ends = [];
    return marks.map((mark, index) => {
      const text = width < 600 ? String(index + 1) : `${index + 1} ${mark.title}`;
      const left = (mark.upper_s - data.start_s) * perSecond;
      const wide = text.length * 6.9 + 12;
      const toLeft = left + wide > width;
      const from = toLeft ? left - wide : left;
      let line = ends.findIndex((end) => end <= from);
      if (line < 0) line = ends.length;
      ends[line] = from + wide;
      return { ...mark, text, line, toLeft };
    });
  }

  function draw() {
    const colour = colours();
    const narrow = plot.clientWidth < 600;
    const margin = { l: narrow ? 46 : 68, r: 10, b: narrow ? 106 : 84 };
    const width = Math.max(plot.clientWidth - margin.l - margin.r, 100);
    const perSecond = width / Math.max(data.end_s - data.start_s, 0.001);
    const marks = label(data.marks, perSecond, width);
    margin.t = (narrow ? 10 : 34) + LABEL * (1 + Math.max(-1, ...marks.map((mark) => mark.line)));
    const names = [...[...data.servers].reverse(), "phase"];
    const inner = (narrow ? 260 : 330) + names.length * ROW;
    const split = (names.length * ROW) / inner;
    const axis = { gridcolor: colour("grid"), linecolor: colour("line"), zeroline: false };
    const level = (ms, dash) => ({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: ms, y1: ms, line: { color: colour("soft"), width: 1, dash },
    });
    const note = (ms, text) => ({
      xref: "paper", x: 1, xanchor: "right", y: Math.log10(ms), yanchor: "bottom", text, showarrow: false,
      font: { size: 10.5, color: colour("soft") },
    });
    const shade = (row, index) => ({
      type: "rect", yref: "paper", y0: split, y1: 1, x0: row.start_s, x1: row.end_s, layer: "below", line: { width: 0 },
      fillcolor: index % 2 ? "rgba(0,0,0,0)" : colour("shade"),
    });
    const lines = marks.flatMap((mark) => [
      { type: "rect", yref: "paper", y0: split, y1: 1, x0: mark.lower_s, x1: mark.upper_s, line: { width: 0 },
        fillcolor: colour("accent"), opacity: 0.1 },
      { type: "line", yref: "paper", y0: 0, y1: 1, x0: mark.upper_s, x1: mark.upper_s,
        line: { color: colour("accent"), width: 1.3 } },
    ]);
    const labels = marks.map((mark) => ({
      x: mark.upper_s, yref: "paper", y: 1, yshift: 2 + LABEL * mark.line, xanchor: mark.toLeft ? "right" : "left",
      yanchor: "bottom", text: plain(mark.text), showarrow: false, borderpad: 1, font: { size: 11.5, color: colour("accent") },
      hovertext: `${plain(mark.title)}<br>${seconds(mark.lower_s)} to ${seconds(mark.upper_s)}<br>${plain(mark.evidence)}`,
    }));
    const layout = {
      width: plot.clientWidth, height: inner + margin.t + margin.b, margin, barmode: "overlay", bargap: 0.16, hovermode: "closest",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("ink") },
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("soft"), font: { color: colour("ink") }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("soft"), activecolor: colour("accent") },
      legend: { orientation: "h", x: 0, xanchor: "left", y: -46 / inner, yanchor: "top", itemsizing: "constant", font: { size: 12 } },
      xaxis: { ...axis, range: [data.start_s, data.end_s], anchor: "y2", ticksuffix: " s",
        title: { text: `since ${data.zero === "effect" ? "the fault took hold" : "the observer started"}`, standoff: 6 } },
      yaxis: { ...axis, type: "log", domain: [split + 0.015, 1], tickvals: TICKS_MS, title: narrow ? undefined : { text: "latency" },
        ticktext: TICKS_MS.map((ms) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`)),
        range: [Math.log10(lowest()), Math.log10(highest())] },
      yaxis2: { domain: [0, split], type: "category", categoryorder: "array", categoryarray: names, fixedrange: true,
        range: [-0.5, names.length - 0.5], showgrid: false, zeroline: false },
      shapes: [...data.phases.map(shade), level(data.slo_ms, "dash"), level(data.timeout_ms, "dot"), ...lines],
      annotations: [note(data.slo_ms, "too slow above"), note(data.timeout_ms, "timeout"), ...labels],
    };
    Plotly.react(plot, [...probes(colour), ...streams(colour), ...rows(colour, perSecond)], layout, {
      responsive: false, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      displayModeBar: narrow ? false : "hover", toImageButtonOptions: { filename: "timeline", scale: 2 },
    });
  }

  const eachTook = (pick, start) => [...data.series, ...data.streams].reduce((best, one) => one.took_ms.reduce((a, b) => pick(a, b), best), start);
  const lowest = () => eachTook(Math.min, 10) * 0.7;
  const highest = () => eachTook(Math.max, data.timeout_ms) * 1.6;

  let drawn = 0;
  const redraw = () => {
    if (plot.clientWidth === drawn) return;
    drawn = plot.clientWidth;
    draw();
  };
  redraw();
  new ResizeObserver(() => setTimeout(redraw)).observe(plot);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  matchMedia("print").addEventListener("change", draw);
})();
