"use strict";
// Each figure holds its numbers as JSON. Values under the cursor; drag a box to zoom, double-click for the whole; click a name to hide its curve.
for (const figure of document.querySelectorAll("figure[data-plot]")) {
  const W = 640, H = 320, LEFT = 64, RIGHT = 150, TOP = 28, BOTTOM = 44;
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f"];
  const plot = JSON.parse(figure.querySelector("script").textContent);
  const hidden = new Set();
  let zoom = null, pressed = null, cursor = null;
  const log = [plot.x.scale === "log", plot.y.scale === "log"];
  const map = (v, k) => (log[k] ? Math.log10(v) : v);
  const unmap = (v, k) => (log[k] ? 10 ** v : v);
  const points = [];
  plot.series.forEach((s, i) => s.x.forEach((x, j) => {
    const y = s.y[j];
    if (x === null || y === null || (log[0] && x <= 0) || (log[1] && y <= 0)) return;
    points.push({ i, x: map(x, 0), y: map(y, 1) });
  }));
  const whole = () => {
    const shown = points.filter((p) => !hidden.has(p.i));
    const range = (k) => {
      let low = Infinity, high = -Infinity;
      for (const p of shown) { const v = k ? p.y : p.x; low = Math.min(low, v); high = Math.max(high, v); }
      if (low > high) [low, high] = [0, 1];
      if (k && !log[1]) low = Math.min(low, 0);
      if (high - low < 1e-12 * Math.max(Math.abs(high), 1e-12)) [low, high] = [low - 0.5, high + 0.5];
      return [low, high];
    };
    return [range(0), range(1)];
  };
  const text = (s) => String(s).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const named = (a) => text(a.unit ? `${a.label} (${a.unit})` : a.label);
  const plain = (v) => (v === 0 ? "0" : Math.abs(v) >= 1e6 || Math.abs(v) < 1e-4 ? v.toExponential(3) : String(+v.toPrecision(5)));
  const value = (v, k) => {
    const axis = k ? plot.y : plot.x;
    if (axis.scale === "resolution") return v > 0 ? `${(1 / Math.sqrt(v)).toFixed(2)} Å` : "∞";
    return plain(unmap(v, k)) + (axis.unit && axis.unit.length < 5 ? " " + axis.unit : "");
  };
  const ticks = ([low, high], k) => {
    const n = k ? 6 : 6, raw = (high - low) / n;
    if (log[k]) {
      const out = [];
      for (let p = Math.ceil(low); p <= high; p++) out.push([p, plain(10 ** p)]);
      return out;
    }
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) || 10 * power;
    const out = [];
    for (let t = Math.ceil(low / step - 1e-9); t * step <= high + 1e-9 * step; t++) {
      const v = t * step;
      if ((k ? plot.y : plot.x).scale !== "resolution") out.push([v, plain(+v.toPrecision(10))]);
      else if (v > 0) out.push([v, (1 / Math.sqrt(v)).toFixed(2)]);
    }
    return out;
  };
  const svg = figure.querySelector("svg");
  const read = figure.appendChild(document.createElement("div"));
  read.className = "read";
  const clip = `clip-${Math.random().toString(36).slice(2)}`;
  let px, py;
  const draw = () => {
    const [rx, ry] = zoom || whole();
    const x0 = LEFT, x1 = W - RIGHT, y0 = H - BOTTOM, y1 = TOP;
    px = { to: (v) => x0 + ((v - rx[0]) / (rx[1] - rx[0])) * (x1 - x0), from: (p) => rx[0] + ((p - x0) / (x1 - x0)) * (rx[1] - rx[0]) };
    py = { to: (v) => y0 - ((v - ry[0]) / (ry[1] - ry[0])) * (y0 - y1), from: (p) => ry[0] + ((y0 - p) / (y0 - y1)) * (ry[1] - ry[0]) };
    let out = `<clipPath id="${clip}"><rect x="${x0}" y="${y1}" width="${x1 - x0}" height="${y0 - y1}"/></clipPath><text x="${x0}" y="16" class="t">${text(plot.title)}</text>`;
    for (const [v, label] of ticks(rx, 0)) out += `<path d="M${px.to(v).toFixed(1)} ${y0}V${y1}" class="g"/><text x="${px.to(v).toFixed(1)}" y="${y0 + 15}" text-anchor="middle">${label}</text>`;
    for (const [v, label] of ticks(ry, 1)) out += `<path d="M${x0} ${py.to(v).toFixed(1)}H${x1}" class="g"/><text x="${x0 - 6}" y="${(py.to(v) + 4).toFixed(1)}" text-anchor="end">${label}</text>`;
    out += `<text x="${(x0 + x1) / 2}" y="${H - 8}" text-anchor="middle">${named(plot.x)}</text><text transform="translate(14 ${(y0 + y1) / 2}) rotate(-90)" text-anchor="middle">${named(plot.y)}</text><g clip-path="url(#${clip})">`;
    plot.series.forEach((s, i) => {
      if (hidden.has(i)) return;
      const colour = COLOURS[i % COLOURS.length];
      const own = points.filter((p) => p.i === i);
      const at = (p) => `${px.to(p.x).toFixed(1)},${py.to(p.y).toFixed(1)}`;
      if (s.style === "line") out += `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${own.map(at).join(" ")}"/>`;
      else if (s.style === "points") out += own.map((p) => `<circle cx="${px.to(p.x).toFixed(1)}" cy="${py.to(p.y).toFixed(1)}" r="1.8" fill="${colour}"/>`).join("");
      else {
        const inside = own.filter((p) => p.x >= rx[0] && p.x <= rx[1]).length;
        const w = Math.min(40, Math.max(0.5, (0.9 * (x1 - x0)) / Math.max(inside, 1)));
        out += own.map((p) => { const y = py.to(p.y), base = py.to(0); return `<rect x="${(px.to(p.x) - w / 2).toFixed(1)}" y="${Math.min(y, base).toFixed(1)}" width="${w.toFixed(1)}" height="${Math.abs(base - y).toFixed(1)}" fill="${colour}"/>`; }).join("");
      }
    });
    out += "</g>";
    plot.series.forEach((s, i) => { out += `<text x="${x1 + 8}" y="${TOP + 12 + 16 * i}" fill="${COLOURS[i % COLOURS.length]}" class="key${hidden.has(i) ? " off" : ""}" data-series="${i}">${text(s.label)}</text>`; });
    svg.innerHTML = out + `<g class="over"></g>`;
  };
  const place = (e) => {
    const r = svg.getBoundingClientRect();
    return [((e.clientX - r.left) * W) / r.width, ((e.clientY - r.top) * H) / r.height].map((v, k) => (k ? Math.min(H - BOTTOM, Math.max(TOP, v)) : Math.min(W - RIGHT, Math.max(LEFT, v))));
  };
  const over = () => {
    let out = "", words = "";
    if (cursor) {
      const [x] = cursor;
      const shown = points.filter((p) => !hidden.has(p.i) && px.to(p.x) >= LEFT - 1 && px.to(p.x) <= W - RIGHT + 1);
      let best = null;
      for (const p of shown) if (!best || Math.abs(px.to(p.x) - x) < Math.abs(px.to(best.x) - x)) best = p;
      if (best) {
        const same = [];
        plot.series.forEach((s, i) => {
          let own = null;
          for (const p of shown) if (p.i === i && Math.abs(px.to(p.x) - px.to(best.x)) < 2 && (!own || Math.abs(py.to(p.y) - cursor[1]) < Math.abs(py.to(own.y) - cursor[1]))) own = p;
          if (own) same.push(own);
        });
        words = `${value(best.x, 0)}: ` + same.map((p) => (plot.series.length > 1 ? `${plot.series[p.i].label} ` : "") + value(p.y, 1)).join(" · ");
        out = same.map((p) => `<circle cx="${px.to(p.x).toFixed(1)}" cy="${py.to(p.y).toFixed(1)}" r="3.5" fill="${COLOURS[p.i % COLOURS.length]}"/>`).join("");
      }
      if (pressed) {
        const [a, b] = [pressed, cursor];
        out += `<rect class="box" x="${Math.min(a[0], b[0])}" y="${Math.min(a[1], b[1])}" width="${Math.abs(a[0] - b[0])}" height="${Math.abs(a[1] - b[1])}"/>`;
      }
    }
    svg.querySelector(".over").innerHTML = out;
    read.textContent = words || (zoom ? "double-click for the whole" : "");
  };
  svg.addEventListener("pointermove", (e) => { cursor = place(e); over(); });
  svg.addEventListener("pointerleave", () => { cursor = pressed = null; over(); });
  svg.addEventListener("pointerdown", (e) => { if (!e.target.dataset.series) pressed = place(e); });
  svg.addEventListener("pointerup", (e) => {
    const a = pressed, b = place(e);
    pressed = null;
    if (a && Math.abs(a[0] - b[0]) > 8 && Math.abs(a[1] - b[1]) > 8) {
      const sorted = (u, v) => [Math.min(u, v), Math.max(u, v)];
      zoom = [sorted(px.from(a[0]), px.from(b[0])), sorted(py.from(a[1]), py.from(b[1]))];
      draw();
    }
    over();
  });
  svg.addEventListener("dblclick", () => { zoom = null; draw(); over(); });
  svg.addEventListener("click", (e) => {
    const i = e.target.dataset.series;
    if (i === undefined) return;
    if (!hidden.delete(+i)) hidden.add(+i);
    draw();
    over();
  });
  draw();
}
