// Charts, drawn by uPlot. <figure class="chart" data-chart="JSON"> with
//   kind: "line", "step" (a level that stays until it changes) or "bars"
//   x: seconds since 1970, or texts ("Monday")
//   series: [{ name, values (numbers or null), dashed }]
//   language, timezone, currency (blank for plain numbers)
// The same values are in a table beside it, for everybody who can't see the chart.
"use strict";

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
  const format = new Intl.NumberFormat(language, currency ? { style: "currency", currency } : {});
  const short = new Intl.NumberFormat(language, { notation: "compact" });
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font };
  const paths = {
    line: undefined,
    step: uPlot.paths.stepped({ align: 1 }),
    bars: uPlot.paths.bars({ size: [0.7, 60] }),
  }[kind];
  const options = {
    width: figure.clientWidth,
    height: Math.min(280, Math.max(180, figure.clientWidth * 0.4)),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), timezone || "UTC"),
    cursor: { drag: { x: false, y: false } },
    legend: { live: true },
    scales: { x: { time: isTime, distr: isTime ? 1 : 2 }, y: { range: (_, low, high) => uPlot.rangeNum(Math.min(low, 0), Math.max(high, 1), 0.1, true) } },
    axes: [
      isTime ? axis : { ...axis, values: (_, marks) => marks.map((at) => x[at] ?? "") },
      { ...axis, size: 60, values: (_, marks) => marks.map((mark) => short.format(mark)) },
    ],
    series: [
      isTime ? { label: "" } : { label: "", value: (_, at) => x[at] ?? "" },
      ...series.map(({ name, dashed }) => ({
        label: name,
        stroke: dashed ? warn : accent,
        fill: kind === "bars" && !dashed ? accent : undefined,
        width: 2,
        dash: dashed ? [6, 4] : undefined,
        points: { show: x.length === 1 },
        paths: dashed ? undefined : paths,
        value: (_, value) => (value == null ? "–" : format.format(value)),
      })),
    ],
  };
  figure.querySelector(".uplot")?.remove();
  new uPlot(options, [isTime ? x : x.map((_, at) => at), ...series.map((each) => each.values)], figure);
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
drawAll();
