// Charts, drawn by uPlot. <figure class="chart" data-chart="JSON" aria-label="What it shows"> with
//   kind: "line", "step" (a level that stays until it changes) or "bars"
//   x: seconds since 1970, or texts ("Monday")
//   series: [{ name, values (numbers or null), dashed }]
//   language, timezone, currency (blank for plain numbers)
// The same values are in a table beside it, for everybody who can't see the chart. By keyboard: Tab to the chart, then
// the arrow keys, Home and End go from value to value; each is written in the legend, and read out.
"use strict";

const DAY = 86400;

// How times are written along the axis, and in the legend: by what the steps between them are.
function timeFormats(x, language, timeZone) {
  const zone = timeZone || "UTC";
  const write = (options) => {
    const format = new Intl.DateTimeFormat(language, { timeZone: zone, ...options });
    return (seconds) => format.format(new Date(seconds * 1000));
  };
  const daily = x.every((seconds, at) => at === 0 || (seconds - x[at - 1]) % 3600 === 0 && seconds - x[at - 1] >= DAY - 3600);
  const clock = write({ hour: "2-digit", minute: "2-digit" });
  const day = write({ day: "numeric", month: "short" });
  const month = write({ month: "short", year: "numeric" });
  return {
    axis: (step) => (step < DAY ? clock : step < 28 * DAY ? day : month),
    full: write(daily ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" }),
  };
}

function draw(figure) {
  const { kind, x, series, language, timezone, currency } = JSON.parse(figure.dataset.chart);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    figure.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const [accent, quiet, line, warn] = ["accent", "quiet", "line", "warn"].map(colour);
  const isTime = typeof x[0] === "number";
  const times = isTime ? timeFormats(x, language, timezone) : null;
  const isMoney = /^[A-Z]{3}$/.test(currency || "");
  const format = new Intl.NumberFormat(language, isMoney ? { style: "currency", currency } : {});
  const short = new Intl.NumberFormat(language, { notation: "compact" });
  const size = parseFloat(style.fontSize) * 0.75;
  const axis = {
    stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 5 },
    font: `${size}px ${style.fontFamily}`,
  };
  const paths = {
    line: undefined,
    step: uPlot.paths.stepped({ align: 1 }),
    bars: uPlot.paths.bars({ size: [0.7, 60] }),
  }[kind];
  const nameAt = (at) => (at == null ? "" : isTime ? times.full(x[at]) : x[at]);
  const written = (value) => (value == null ? "–" : format.format(value));
  const options = {
    width: figure.clientWidth,
    height: Math.min(280, Math.max(180, figure.clientWidth * 0.4)),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), timezone || "UTC"),
    cursor: { drag: { x: false, y: false }, points: { size: 8 } },
    legend: { live: true },
    scales: {
      x: {
        time: isTime,
        distr: isTime ? 1 : 2,
        range: kind === "bars" && !isTime ? (_, low, high) => [low - 0.6, high + 0.6] : undefined,
      },
      y: { range: (_, low, high) => uPlot.rangeNum(Math.min(low, 0), Math.max(high, 1), 0.1, true) },
    },
    axes: [
      isTime
        ? { ...axis, values: (_, marks, __, ___, step) => marks.map(times.axis(step)) }
        : { ...axis, space: 64, values: (_, marks) => marks.map((at) => x[at] ?? "") },
      { ...axis, size: size * 5, values: (_, marks) => marks.map((mark) => short.format(mark)) },
    ],
    series: [
      { label: "·", value: (_, __, ___, at) => nameAt(at) },
      ...series.map(({ name, dashed }) => ({
        label: name,
        stroke: dashed ? warn : accent,
        fill: kind === "bars" && !dashed ? accent : undefined,
        width: 2,
        dash: dashed ? [6, 4] : undefined,
        points: { show: x.length < 2, size: 6 },
        paths: dashed ? undefined : paths,
        value: (_, value) => written(value),
      })),
    ],
  };
  const focused = figure.contains(document.activeElement);
  figure.querySelectorAll(".uplot, .chart-value").forEach((old) => old.remove());
  const plot = new uPlot(options, [isTime ? x : x.map((_, at) => at), ...series.map((each) => each.values)], figure);
  const read = (at) => `${nameAt(at)}: ${series.map((each) => `${each.name} ${written(each.values[at])}`).join(", ")}`;
  useKeys(figure, plot, x, read);
  if (focused) plot.over.focus();
}

// The arrow keys move from value to value.
function useKeys(figure, plot, x, read) {
  const value = document.createElement("p");
  value.className = "chart-value unseen";
  value.setAttribute("role", "status");
  figure.append(value);
  plot.root.querySelectorAll("table").forEach((legend) => legend.setAttribute("role", "presentation"));
  const area = plot.over;
  area.tabIndex = 0;
  area.setAttribute("role", "application");
  area.setAttribute("aria-label", figure.getAttribute("aria-label") || plot.series.slice(1).map((each) => each.label).join(", "));
  let at = -1;
  area.addEventListener("keydown", (event) => {
    const next = { ArrowRight: at + 1, ArrowLeft: at < 0 ? x.length - 1 : at - 1, Home: 0, End: x.length - 1 }[event.key];
    if (next === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    at = Math.max(0, Math.min(x.length - 1, next));
    const left = plot.valToPos(plot.data[0][at], "x");
    const top = plot.valToPos(plot.data[1][at] ?? 0, "y");
    plot.setCursor({ left, top });
    value.textContent = read(at);
  });
  area.addEventListener("blur", () => {
    at = -1;
    plot.setCursor({ left: -10, top: -10 });
    value.textContent = "";
  });
}

function drawAll() {
  document.querySelectorAll("figure[data-chart]").forEach(draw);
}

let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(drawAll, 150);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
document.addEventListener("shown", drawAll); // a part of the page was replaced
// On paper everything is dark on white, whatever the screen is.
const root = document.documentElement;
let theme;
addEventListener("beforeprint", () => { theme = root.dataset.theme; root.dataset.theme = "light"; drawAll(); });
addEventListener("afterprint", () => { root.dataset.theme = theme; drawAll(); });
drawAll();
