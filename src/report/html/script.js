"use strict";
(() => {
  const ROW = 30, MARGIN = 12;
  const tables = JSON.parse(document.getElementById("data").textContent);
  const live = {};
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== undefined && value !== false) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== undefined));
    return element;
  };
  const say = (text) => { document.getElementById("said").textContent = text; };

  // Three significant digits and an SI prefix, as in the written tables.
  const quantity = (value, unit) => {
    if (value === 0) return ("0 " + unit).trim();
    const [mantissa, power] = value.toExponential(2).split("e");
    const exponent = Number(power), place = Math.floor(exponent / 3) + 4;
    const prefix = ["p", "n", "µ", "m", "", "k", "M", "G", "T", "P", "E"][place];
    if (prefix === undefined) return (mantissa + "e" + exponent + " " + unit).trim();
    const digits = exponent - (place - 4) * 3;
    return ((Number(mantissa) * 10 ** digits).toFixed(2 - digits) + " " + prefix + unit).trim();
  };
  const plain = (value) => Math.abs(value) >= 1000 || (value !== 0 && Math.abs(value) < 1e-5) ? quantity(value, "") : String(Number(value.toPrecision(4)));
  const count = (value, unit) => value < 1000 ? (value + " " + unit).trim() : quantity(value, unit);
  const share = (value) => {
    const percent = value * 100;
    return (percent === 0 || percent >= 9.95 ? percent.toFixed(0) : percent.toFixed(1)) + " %";
  };
  const shown = (column, value) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "string") return value;
    switch (column.kind) {
      case "count": return count(value, column.unit);
      case "quantity": return quantity(value, column.unit);
      case "plain": return plain(value);
      case "share": return share(value);
      case "flag": return value ? "yes" : "";
      default: return String(value);
    }
  };
  const at = (column, row) => column.values ? column.values[row] : column.all;

  // A spreadsheet must not take a name for a formula.
  const field = (value) => {
    if (value === null || value === undefined || value === "?") return "";
    let text = String(value);
    if (typeof value === "string" && /^[=+\-@\t\r\n]/.test(text)) text = "'" + text;
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const csv = (rows) => rows.map((row) => row.map(field).join(",")).join("\n") + "\n";
  const copy = async (text, what) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea", { class: "hidden" });
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    say(what + " copied as CSV");
  };
  const copier = (what, rows) => make("button", { class: "act copy", type: "button", onclick: (event) => {
    const button = event.currentTarget;
    copy(csv(rows()), what).then(() => {
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy as CSV"; }, 1500);
    });
  } }, "Copy as CSV");

  // What one row holds, with the sums that its figures come from.
  const dialog = document.getElementById("detail");
  const open = (table, row) => {
    const of = {};
    for (const column of table.columns) of[column.key] = at(column, row);
    const whole = (key) => typeof of[key] === "number" ? of[key].toLocaleString("en") : "?";
    const formulas = [];
    if (typeof of.flops === "number" && "alu" in of) {
      formulas.push(`FLOPs = 2 · MACs + alu + div + trans = 2 · ${whole("macs")} + ${whole("alu")} + ${whole("div")} + ${whole("trans")} = ${whole("flops")}`);
      formulas.push(`bytes = read + weights + written = ${whole("bytes_read")} + ${whole("bytes_weights")} + ${whole("bytes_written")} = ${whole("bytes")}`);
    }
    if (typeof of.intensity === "number") formulas.push(`FLOPs / bytes = ${whole("flops")} / ${whole("bytes")} = ${plain(of.intensity)} FLOP/byte`);
    if (typeof of.flops_per_second === "number") formulas.push(`FLOPs / time = ${whole("flops")} / ${quantity(of.time_s, "s")} = ${quantity(of.flops_per_second, "FLOP/s")}`);
    const list = make("dl");
    for (const column of table.columns) {
      const value = at(column, row), text = shown(column, value);
      if (text === "" || column.key === "name") continue;
      const exact = column.kind === "count" && value >= 1000 ? ` (${value.toLocaleString("en")})` : "";
      list.append(make("dt", {}, column.title), make("dd", {}, text + exact));
    }
    dialog.replaceChildren(
      make("button", { class: "act", type: "button", onclick: () => dialog.close() }, "Close"),
      make("h2", { id: "detail-name" }, String(of.name)),
      ...formulas.map((text) => make("p", { class: "formula" }, text)), list);
    dialog.showModal();
  };
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  // A table whose rows are drawn as they come into view.
  const build = (section, data) => {
    const table = { ...data, order: [], sorted: null, down: false };
    const visible = table.columns.filter((column) => column.shown);
    const most = (column) => (column.values || [column.all]).reduce((most, value) => typeof value === "number" && value > most ? value : most, 0);
    const largest = new Map(visible.filter((column) => column.bar).map((column) => [column, most(column)]));
    let texts = null;
    const haystack = () => texts ||= Array.from({ length: table.count }, (_, row) =>
      table.columns.filter((column) => column.kind === "text").map((column) => at(column, row) ?? "").join("\n").toLowerCase());
    const body = make("tbody");
    const heads = visible.map((column) => make("th", { scope: "col", class: column.number ? "n" : undefined },
      make("button", { type: "button", title: "Sort by " + column.title, onclick: () => sort(column) }, column.title)));
    const grid = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body);
    const frame = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": section.querySelector("h2").textContent }, grid);
    const search = make("input", { type: "search", placeholder: table.columns.some((column) => column.key === "scope") ? "Filter: any text, op:Conv, scope:layer1" : "Filter: any text", "aria-label": "Filter rows", oninput: () => filter() });
    const tally = make("span", { class: "count", "aria-live": "polite" });
    const ops = table.columns.find((column) => column.key === "op" || column.key === "task");
    const names = ops && ops.values ? [...new Set(ops.values.filter((value) => value))].sort() : [];
    const select = names.length > 1 && names.length <= 200 ? make("select", { "aria-label": "Only " + ops.title, onchange: () => {
      search.value = select.value ? ops.key + ":" + select.value : "";
      filter();
    } }, make("option", { value: "" }, "every " + ops.title), ...names.map((name) => make("option", { value: name }, name))) : undefined;
    const draw = () => {
      const first = Math.max(0, Math.floor(frame.scrollTop / ROW) - MARGIN);
      const last = Math.min(table.order.length, Math.ceil((frame.scrollTop + frame.clientHeight) / ROW) + MARGIN);
      if (table.first === first && table.last === last && table.drawn === table.order) return;
      Object.assign(table, { first, last, drawn: table.order });
      const gap = (rows) => make("tr", { class: "gap", "aria-hidden": "true" }, make("td", { colspan: visible.length, style: `height:${rows * ROW}px` }));
      const rows = table.order.slice(first, last).map((row, place) => make("tr", { "aria-rowindex": first + place + 2 },
        ...visible.map((column, number) => {
          const value = at(column, row), text = shown(column, value);
          if (number === 0) return make("th", { scope: "row", title: text }, make("button", { type: "button", "data-row": row, onclick: () => open(table, row) }, text || "(no name)"));
          const part = column.bar && typeof value === "number" && largest.get(column) > 0 ? Math.round(100 * value / largest.get(column)) : null;
          return make("td", { class: [column.number && "n", part !== null && "b"].filter(Boolean).join(" ") || undefined, style: part === null ? undefined : `--b:${part}%`, title: text.length > 24 ? text : undefined }, text);
        })));
      // Who works by the keyboard keeps the row that has the focus, or at least the table.
      const held = body.contains(document.activeElement) ? document.activeElement.dataset.row : undefined;
      body.replaceChildren(gap(first), ...rows, gap(table.order.length - last));
      if (held !== undefined) (body.querySelector(`[data-row="${held}"]`) ?? frame).focus({ preventScroll: true });
    };
    const show = () => {
      grid.setAttribute("aria-rowcount", table.order.length + 1);
      tally.textContent = table.order.length === table.count ? `${table.count} rows` : `${table.order.length} of ${table.count} rows`;
      frame.scrollTop = 0;
      draw();
    };
    const arrange = () => {
      const column = table.sorted;
      if (!column) return;
      const sign = table.down ? -1 : 1;
      const unknown = (value) => value === null || value === undefined || (column.kind !== "text" && typeof value === "string");
      table.order.sort((a, b) => {
        const x = at(column, a), y = at(column, b);
        if (unknown(x) || unknown(y)) return unknown(x) - unknown(y) || a - b;
        return sign * (typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y) || a - b;
      });
    };
    const sort = (column, down) => {
      const text = column.kind === "text";
      table.down = down ?? (table.sorted === column ? !table.down : !text);
      table.sorted = column;
      heads.forEach((head, place) => head.setAttribute("aria-sort", visible[place] === column ? (table.down ? "descending" : "ascending") : "none"));
      table.order = table.order.slice();
      arrange();
      show();
    };
    const filter = () => {
      const typed = search.value.trim(), [, key, wanted] = typed.match(/^(op|scope|task):(.*)$/i) || [];
      const column = key && table.columns.find((column) => column.key === key.toLowerCase());
      const keep = (row) => {
        if (!typed) return true;
        if (!column) return haystack()[row].includes(typed.toLowerCase());
        const value = String(at(column, row) ?? ""), inside = wanted.trim();
        return column.key === "scope" ? value === inside || (inside !== "" && value.startsWith(inside + "/")) : value.toLowerCase() === inside.toLowerCase();
      };
      table.order = Array.from({ length: table.count }, (_, row) => row).filter(keep);
      if (select) select.value = column === ops && names.includes(wanted) ? wanted : "";
      arrange();
      show();
    };
    const narrow = (text) => {
      search.value = text;
      filter();
      tools.scrollIntoView({ block: "start" });
      search.focus({ preventScroll: true });
    };
    const rows = () => [table.columns.map((column) => column.key), ...table.order.map((row) => table.columns.map((column) => at(column, row)))];
    const tools = make("div", { class: "tools" }, search, select, tally, copier(section.querySelector("h2").textContent, rows));
    section.append(make("div", { class: "live" }, tools, frame));
    frame.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
    new ResizeObserver(draw).observe(frame);
    table.order = Array.from({ length: table.count }, (_, row) => row);
    const usual = table.columns.find((column) => column.key === "share" && column.values);
    if (usual) sort(usual, true); else show();
    return { open: (row) => open(table, row), narrow, table };
  };
  for (const section of document.querySelectorAll("[data-table]")) {
    const data = tables[section.dataset.table];
    if (data) live[section.dataset.table] = build(section, data);
  }
  document.documentElement.classList.add("scripted");
  for (const one of Object.values(live)) one.table.first = undefined;
  window.dispatchEvent(new Event("resize"));

  // The table that a chart is about.
  const about = (element) => {
    const model = element.closest("[data-model]");
    return live[model ? model.dataset.model + "-layers" : "zoo-models"];
  };
  const scope = (of, name) => {
    if (name) of.narrow("scope:" + name);
  };
  for (const mark of document.querySelectorAll(".mark")) {
    mark.addEventListener("click", () => {
      const of = about(mark);
      if (!of) return;
      if (mark.dataset.layer !== undefined) of.open(Number(mark.dataset.layer));
      else scope(of, mark.dataset.scope);
    });
  }
  for (const table of document.querySelectorAll("table[data-drill]")) {
    const of = about(table), kind = table.dataset.drill;
    if (!of) continue;
    for (const cell of table.querySelectorAll("tbody th")) {
      const name = cell.textContent.trim();
      if (name === "(top)") continue;
      const text = kind === "op" || kind === "scope" ? kind + ":" + name : name;
      cell.replaceChildren(make("button", { type: "button", class: "drill", onclick: () => of.narrow(text) }, name));
    }
  }
  for (const twin of document.querySelectorAll(".twin")) {
    const rows = () => [...twin.querySelectorAll("tr")].map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
    twin.querySelector("summary").after(copier(twin.closest("figure").querySelector("figcaption").textContent, rows));
  }

  // The view that is being read.
  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  for (const id of links.keys()) {
    const section = document.getElementById(id);
    if (section) seen.observe(section);
  }
})();
