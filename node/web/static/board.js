// Draws a chart of the table that stands beside it; without this file the tables say all there is to say.
// The content security policy allows no inline style: tooltips are drawn on the canvas (richText), never as HTML.
"use strict";

(function () {
  if (!window.echarts) return;

  const INK = "#1c2430", QUIET = "#56606e", LINE = "#d5dbe3";
  const COLOURS = ["#123a6d", "#c9812b", "#5b8f68"];
  const font = getComputedStyle(document.body).fontFamily;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  function text(cell) {
    return cell.textContent.trim();
  }

  function read(table) {
    const heads = Array.from(table.tHead.rows[0].cells).slice(1).map(text);
    const rows = Array.from(table.tBodies[0].rows).map(function (row) {
      const cells = Array.from(row.cells);
      return {
        name: text(cells[0]),
        cells: cells.slice(1).map(function (cell) {
          return cell.dataset.value === undefined
            ? null
            : { value: Number(cell.dataset.value), judged: cell.dataset.judged, shown: text(cell) };
        }),
      };
    });
    return { heads: heads, rows: rows };
  }

  function axis(more) {
    return Object.assign({ axisLine: { lineStyle: { color: LINE } }, axisTick: { show: false }, axisLabel: { color: QUIET } }, more);
  }

  function heat(data, box) {
    const points = [];
    data.rows.forEach(function (row, y) {
      row.cells.forEach(function (cell, x) {
        if (cell) points.push({ value: [x, y, cell.value / 10], shown: cell.shown, judged: cell.judged });
      });
    });
    box.style.height = 130 + 28 * data.rows.length + "px";
    const narrow = box.clientWidth < 600;
    return {
      grid: { left: 8, right: 16, top: narrow ? 76 : 32, bottom: 56, containLabel: true },
      xAxis: axis({ type: "category", position: "top", data: data.heads, axisLabel: { color: QUIET, interval: 0, rotate: narrow ? 60 : 0 } }),
      yAxis: axis({ type: "category", inverse: true, data: data.rows.map(function (row) { return row.name; }), axisLabel: { color: INK, interval: 0 } }),
      visualMap: {
        min: 0, max: 100, calculable: false, orient: "horizontal", left: "center", bottom: 4, text: ["100%", "0%"],
        inRange: { color: ["#a61b1b", "#e9b872", "#f7efd8", "#a9d3b8", "#1d6137"] },
      },
      tooltip: {
        renderMode: "richText",
        formatter: function (each) {
          return data.rows[each.data.value[1]].name + " · " + data.heads[each.data.value[0]] + "\n" + each.data.shown + " (" + each.data.judged + ")";
        },
      },
      series: [{
        type: "heatmap", data: points, itemStyle: { borderColor: "#fff", borderWidth: 2 },
        label: { show: !narrow, formatter: function (each) { return each.data.shown; }, color: INK, textBorderColor: "#fff", textBorderWidth: 2 },
      }],
    };
  }

  function lags(data, box) {
    const narrow = box.clientWidth < 600;
    return {
      color: COLOURS,
      legend: { top: 0, textStyle: { color: INK } },
      grid: { left: 8, right: 16, top: narrow ? 84 : 44, bottom: 8, containLabel: true },
      xAxis: axis({ type: "category", data: data.rows.map(function (row) { return row.name; }), axisLabel: { color: QUIET, interval: 0, rotate: 40 } }),
      yAxis: axis({ type: "value", minInterval: 1, splitLine: { lineStyle: { color: LINE } } }),
      tooltip: { trigger: "axis", renderMode: "richText", axisPointer: { type: "shadow" } },
      series: data.heads.map(function (name, place) {
        return { type: "bar", name: name, data: data.rows.map(function (row) { return row.cells[place].value; }) };
      }),
    };
  }

  function funnel(data) {
    return {
      color: COLOURS,
      tooltip: { renderMode: "richText" },
      series: [{
        type: "funnel", sort: "none", left: "5%", right: "5%", top: 8, bottom: 8, gap: 3, minSize: "20%",
        label: { position: "inside", color: "#fff", formatter: "{b}  {c}" },
        data: data.rows.map(function (row) { return { name: row.name, value: row.cells[0].value }; }),
      }],
    };
  }

  const makers = { heat: heat, lags: lags, funnel: funnel };
  const charts = [];
  document.querySelectorAll("[data-chart]").forEach(function (box) {
    const table = document.getElementById(box.dataset.table);
    if (!table || !table.tBodies[0].rows.length) return;
    box.hidden = false;
    const data = read(table);
    const option = makers[box.dataset.chart](data, box);
    const chart = window.echarts.init(box, null, { renderer: "canvas" });
    chart.setOption(Object.assign({ textStyle: { fontFamily: font }, animation: !still }, option));
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", box.dataset.title);
    charts.push(chart);
  });
  window.addEventListener("resize", function () {
    charts.forEach(function (chart) { chart.resize(); });
  });
})();
