"use strict";
// A crosshair for line charts: the nearest point of each line to the pointer, with its values.
for (const svg of document.querySelectorAll("svg[data-chart]")) {
  const data = JSON.parse(svg.dataset.chart);
  const layer = svg.querySelector(".hover");
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  svg.parentElement.append(tip);
  const make = (name, attributes) => {
    const element = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const nearest = (xs, x) => {
    let low = 0, high = xs.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle + 1; else high = middle;
    }
    return low > 0 && x - xs[low - 1] < xs[low] - x ? low - 1 : low;
  };
  const hide = () => { tip.hidden = true; layer.replaceChildren(); };
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const x = (event.clientX - box.left) * scale;
    const series = data.series.filter((one) => one.x.length);
    if (!series.length) return;
    layer.replaceChildren();
    tip.replaceChildren();
    let at = null;
    for (const one of series) {
      const index = nearest(one.x, x);
      if (at === null) {
        at = one.x[index];
        layer.append(make("line", { x1: at, x2: at, y1: data.top, y2: data.bottom }));
        tip.append(Object.assign(document.createElement("span"), { textContent: one.at[index] }));
      }
      layer.append(make("circle", { cx: one.x[index], cy: one.y[index], r: 4, style: `fill:${one.color}` }));
      const row = document.createElement("div");
      const key = Object.assign(document.createElement("i"), { className: "key" });
      key.style.setProperty("--key", one.color);
      row.append(key, Object.assign(document.createElement("b"), { textContent: one.label[index] }));
      row.append(Object.assign(document.createElement("span"), { textContent: one.name }));
      tip.append(row);
    }
    tip.hidden = false;
    const card = svg.parentElement.getBoundingClientRect();
    const left = box.left - card.left + at / scale;
    const room = card.width - left > tip.offsetWidth + 24;
    tip.style.left = `${room ? left + 14 : left - tip.offsetWidth - 14}px`;
    tip.style.top = `${box.top - card.top + 10}px`;
  });
}
