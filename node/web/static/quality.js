/* Draws the charts of the data quality board from the data in their elements; the tables beside them say the same.
   Tooltips are drawn on the canvas: markup with styles of its own would be refused by the page's security policy. */
"use strict";

const ink = "#1d2733", line = "#d5dbe3", blue = "#123a6d", text = "system-ui, 'Noto Sans CJK SC', 'Microsoft YaHei', sans-serif";
const tip = { renderMode: "richText", confine: true, textStyle: { color: ink, fontSize: 13 } };
const base = { animation: false, textStyle: { fontFamily: text, color: ink }, color: [blue, "#2e7d4f", "#b06a00"] };

function heat(data, narrow) {
  return {
    ...base,
    tooltip: { ...tip, formatter: (at) => `${data.y[at.value[1]]} · ${data.x[at.value[0]]}\n${at.value[2]}%  (${at.value[3]})` },
    grid: { left: narrow ? 96 : 190, right: 16, top: 12, bottom: 76 },
    xAxis: { type: "category", data: data.x, axisLabel: { interval: 0, rotate: narrow ? 40 : 0 }, splitArea: { show: true } },
    yAxis: { type: "category", data: data.y, inverse: true, axisLabel: { width: narrow ? 84 : 176, overflow: "truncate" } },
    visualMap: { min: 0, max: 100, calculable: false, orient: "horizontal", left: "center", bottom: 4, itemHeight: 120,
      inRange: { color: ["#b82320", "#e9b44c", "#f3efc4", "#6fb38a", "#1f6b41"] }, text: ["100%", "0%"], dimension: 2 },
    series: [{ type: "heatmap", data: data.cells.map((cell) => ({ value: [...cell.at, cell.share, cell.of], url: cell.url })),
      itemStyle: { borderColor: "#fff", borderWidth: 1 },
      label: { show: !narrow, formatter: (at) => `${at.value[2]}%`, color: ink, textBorderColor: "#fff", textBorderWidth: 2 } }],
  };
}

function funnel(data, narrow) {
  const wide = narrow ? 100 : 100 / data.length, high = narrow ? 100 / data.length : 100;
  return {
    ...base,
    tooltip: tip,
    title: data.map((one, n) => ({ text: one.title, left: narrow ? "center" : `${wide * (n + 0.5)}%`, textAlign: narrow ? undefined : "center",
      top: narrow ? `${high * n}%` : 6, textStyle: { fontSize: 13, color: ink } })),
    series: data.map((one, n) => ({
      type: "funnel", sort: "none", minSize: "4%", gap: 3, name: one.title,
      left: narrow ? "10%" : `${wide * n + wide * 0.12}%`, width: narrow ? "80%" : `${wide * 0.76}%`,
      top: narrow ? `${high * n + 9}%` : 40, height: narrow ? `${high - 12}%` : "78%",
      label: { position: "inside", formatter: (at) => `${at.name} ${at.data.shown.toLocaleString()}`, color: "#fff", textBorderColor: "#00000080", textBorderWidth: 2 },
      tooltip: { ...tip, formatter: (at) => `${at.name}: ${at.data.shown.toLocaleString()}` },
      // The last one would taper to nothing, as if more were to come: an unseen one of its width stands below it.
      data: [...one.steps.map(([name, number], k) => ({ name, value: number, shown: number, itemStyle: { color: [blue, "#2f629f", "#2e7d4f"][k] } })),
        { name: "", value: one.steps.at(-1)[1], shown: 0, itemStyle: { opacity: 0 }, label: { show: false }, tooltip: { show: false }, silent: true }],
    })),
  };
}

function lags(data, narrow) {
  return {
    ...base,
    tooltip: { ...tip, trigger: "axis", axisPointer: { type: "shadow" } },
    legend: { top: 4, type: "scroll" },
    grid: { left: 56, right: 12, top: 40, bottom: narrow ? 70 : 34 },
    xAxis: { type: "category", data: data.x, axisLabel: { interval: 0, rotate: narrow ? 45 : 0 } },
    yAxis: { type: "value", minInterval: 1, splitLine: { lineStyle: { color: line } } },
    series: data.series.map((one) => ({ type: "bar", name: one.name, data: one.data, barGap: "10%" })),
  };
}

const kinds = { heat, funnel, lags };

for (const element of document.querySelectorAll(".chart")) {
  const data = JSON.parse(element.dataset.chart), kind = element.dataset.kind;
  const rows = kind === "heat" ? data.y.length : kind === "funnel" ? data.length : 1;
  if (!rows) continue;
  element.classList.add("drawn");
  const narrow = () => element.clientWidth < 640;
  const height = () => (kind === "heat" ? 110 + 34 * rows : kind === "funnel" && narrow() ? 190 * rows : 352);
  element.style.height = `${height()}px`;
  const chart = echarts.init(element, null, { renderer: "canvas" });
  const draw = () => chart.setOption(kinds[kind](data, narrow()), true);
  draw();
  chart.on("click", (at) => { if (at.data && at.data.url) location.assign(at.data.url); });
  let last = element.clientWidth;
  addEventListener("resize", () => {
    if (element.clientWidth === last) return;
    last = element.clientWidth;
    element.style.height = `${height()}px`;
    chart.resize();
    draw();
  });
}
