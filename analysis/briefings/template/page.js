// Draws the charts of a briefing. Everything it needs is in the page: it asks no host for
// anything, and the page's policy lets nothing run but this text and the unpacked plotly.js.
(() => {
  "use strict";

  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paper = matchMedia("print");
  // CSS pixels between the margins of an A4 page, and what heading and caption leave of it.
  const PAPER = { width: 680, height: 740 };
  const drawn = [];

  const json = (node) => JSON.parse(node.textContent);
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

  function openContents() {
    const contents = document.getElementById("contents");
    if (contents === null) return;
    const roomy = matchMedia("(min-width: 75rem)");
    const follow = () => { contents.open = roomy.matches; };
    roomy.addEventListener("change", follow);
    follow();
  }

  // What a spreadsheet would take for a formula is text, as in the package's own CSV files.
  const FORMULA = /^[=+\-@\t\r\n\uff0b\uff0d\uff1d\uff20]/;
  const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

  function cell(value) {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    let text = typeof value === "string" ? value : JSON.stringify(value);
    if (FORMULA.test(text) && !NUMBER.test(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function flat(row, above = "") {
    return Object.entries(row).flatMap(([name, value]) => (
      isObject(value) ? flat(value, `${above}${name} `) : [[above + name, value]]
    ));
  }

  function csv(rows) {
    const records = rows.map((row) => new Map(flat(row)));
    const heads = [...new Set(records.flatMap((record) => [...record.keys()]))];
    const lines = records.map((record) => heads.map((head) => cell(record.get(head))));
    return [heads.map(cell), ...lines].map((line) => `${line.join(",")}\r\n`).join("");
  }

  function save(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  // What a table shows, as it is written; its caption names the file.
  function offerShownTables() {
    for (const box of document.querySelectorAll("main .scroll")) {
      const rows = [...box.querySelectorAll("tr")].map((row) => (
        [...row.children].map((one) => cell(one.textContent.trim())).join(",")
      ));
      const name = (box.querySelector("caption")?.textContent ?? "table").trim();
      const button = document.createElement("button");
      button.type = "button";
      button.className = "csv";
      button.textContent = "CSV";
      button.setAttribute("aria-label", `${name}, as CSV`);
      const file = `${name.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 60)}.csv`;
      button.addEventListener("click", () => save(file, `${rows.join("\r\n")}\r\n`));
      box.after(button);
    }
  }

  // The page shows the largest part of a long table; here each is whole.
  function offerTables() {
    const results = json(document.getElementById("faultline-results"));
    const tables = Object.entries(results).filter(([, rows]) => (
      Array.isArray(rows) && rows.length > 0 && rows.every(isObject)
    ));
    if (tables.length === 0) return;
    const line = document.createElement("p");
    line.className = "tables";
    line.append("Whole tables, for a spreadsheet: ");
    for (const [name, rows] of tables) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `${name}.csv`;
      button.addEventListener("click", () => save(`${name}.csv`, csv(rows)));
      line.append(button, " ");
    }
    document.querySelector("body > footer").prepend(line);
  }

  // Five characters of Python's base64.b85encode stand for four bytes: a sixteenth less than base64.
  const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

  function decoded(text) {
    const size = Math.floor(text.length * 4 / 5);
    const bytes = new Uint8Array(Math.ceil(text.length / 5) * 4);
    const view = new DataView(bytes.buffer);
    const values = new Uint8Array(128);
    for (let i = 0; i < DIGITS.length; i += 1) values[DIGITS.charCodeAt(i)] = i;
    for (let i = 0; i < text.length; i += 5) {
      let word = 0;
      for (let j = i; j < i + 5; j += 1) {
        word = word * 85 + (j < text.length ? values[text.charCodeAt(j)] : 84);
      }
      view.setUint32(i / 5 * 4, word);
    }
    return bytes.subarray(0, size);
  }

  async function unpack(name) {
    const bytes = decoded(document.getElementById(name).textContent.trim());
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  function run(source) {
    const element = document.createElement("script");
    element.textContent = source;
    document.head.append(element);
    element.remove();
    if (typeof Plotly === "undefined") throw new Error("plotly.js did not run");
  }

  // A theme is a patch in the form that Plotly.relayout takes: {"font.color": "..."}.
  function themed(layout, patch) {
    const result = structuredClone(layout);
    for (const [path, value] of Object.entries(patch)) {
      const keys = path.split(".");
      const last = keys.pop();
      let place = result;
      for (const key of keys) {
        if (!isObject(place[key])) place[key] = {};
        place = place[key];
      }
      place[last] = structuredClone(value);
    }
    return result;
  }

  // One drawing is several layers: the first speaks for all, the others are silent.
  function describe(plot) {
    plot.querySelectorAll("svg.main-svg").forEach((svg, place) => {
      if (place > 0) svg.setAttribute("aria-hidden", "true");
      else {
        svg.setAttribute("role", "img");
        svg.setAttribute("aria-label", plot.dataset.alt);
      }
    });
  }

  // In print the style sheet scales the drawing; without a view box it would be cut off.
  function allowScaling(plot) {
    for (const svg of plot.querySelectorAll("svg.main-svg")) {
      const width = parseFloat(svg.getAttribute("width"));
      const height = parseFloat(svg.getAttribute("height"));
      if (width > 0 && height > 0) {
        svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        plot.style.setProperty("--shape", `${width} / ${height}`);
      }
    }
  }

  function layoutFor(chart, theme, onPaper) {
    const patch = !onPaper && dark.matches ? theme.dark : theme.light;
    const layout = themed(chart.figure.layout ?? {}, patch);
    delete layout.width;
    layout.autosize = !onPaper;
    // Names take a phone's room from the chart; the table below has them whole.
    if (!onPaper && chart.plot.offsetWidth < 480 && Array.isArray(layout.yaxis?.ticktext)) {
      layout.yaxis.ticktext = layout.yaxis.ticktext.map((text) => (
        text.includes("&") ? text : text.replace(/([^<>]{15})[^<>]{2,}/g, "$1\u2026")
      ));
    }
    if (onPaper) {
      // A tall chart closes its rows by up to a quarter; the style sheet scales what is left.
      const height = layout.height ?? chart.plot.offsetHeight;
      layout.width = PAPER.width;
      layout.height = Math.max(Math.min(height, PAPER.height), 0.75 * height);
    }
    return layout;
  }

  async function draw(figure, theme) {
    const plot = figure.querySelector(".plot");
    const chart = { plot, figure: json(figure.querySelector("script.figure")) };
    plot.replaceChildren();
    await Plotly.newPlot(
      plot,
      chart.figure.data ?? [],
      layoutFor(chart, theme, paper.matches),
      { ...theme.config, responsive: true },
    );
    describe(plot);
    allowScaling(plot);
    plot.on("plotly_afterplot", () => allowScaling(plot));
    drawn.push(chart);
  }

  function redraw(theme, onPaper) {
    for (const chart of drawn) {
      Plotly.react(chart.plot, chart.figure.data ?? [], layoutFor(chart, theme, onPaper));
      allowScaling(chart.plot);
    }
  }

  function follow(theme) {
    let onPaper = paper.matches;
    const turn = (next) => {
      if (next === onPaper) return;
      onPaper = next;
      redraw(theme, onPaper);
    };
    paper.addEventListener("change", (event) => turn(event.matches));
    addEventListener("beforeprint", () => turn(true));
    addEventListener("afterprint", () => turn(false));
    dark.addEventListener("change", () => redraw(theme, onPaper));
  }

  function giveUp(reason) {
    for (const figure of document.querySelectorAll("figure.chart")) {
      const plot = figure.querySelector(".plot");
      if (plot.querySelector(".waiting") === null) continue;
      plot.querySelector(".waiting").textContent =
        `This browser could not draw the chart (${reason}). The table below holds its numbers.`;
      const data = figure.querySelector("details.data");
      if (data !== null) data.open = true;
    }
  }

  async function main() {
    openContents();
    offerTables();
    offerShownTables();
    const figures = [...document.querySelectorAll("figure.chart")];
    if (figures.length > 0) {
      try {
        const theme = json(document.getElementById("chart-theme"));
        if (typeof Plotly === "undefined") run(await unpack("plotly-packed"));
        for (const figure of figures) await draw(figure, theme);
        follow(theme);
      } catch (error) {
        giveUp(error.message);
        root.dataset.ready = "failed";
        return;
      }
    }
    root.dataset.height = String(root.scrollHeight);  // for whoever takes a picture
    root.dataset.ready = "true";
  }

  main();
})();
